"""Jobs: post, list, look at, cancel."""

import hashlib
import json
import re
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.responses import Status

from processor.errors import RecipeError
from service import recipes, runtime
from service.api.context import principal_of
from service.api.finding import find_job
from service.api.openapi import problems
from service.api.pages import cursor_of, job_before
from service.api.parameters import Cursor, IdempotencyKey, Limit
from service.api.problems import Code, Problem
from service.api.telling import told_images, told_job
from service.api.wire import BULK, JobCreatedTold, JobGiven, JobsTold, JobTold
from service.jobs import transitions
from service.jobs.models import Image, Job, JobStatus
from service.jobs.records import Idempotency, IdempotencyConflict, NewFile
from service.logs import logger

router = Router(tags=["jobs"])
_log = logger(__name__)
_FAULT = re.compile(r"^recipe: (?P<key>[\w.-]+)(?: = |: )")


@router.post(
    "/jobs",
    response={202: JobCreatedTold},
    openapi_extra=problems(Code.INVALID_REQUEST, Code.INVALID_RECIPE, Code.IDEMPOTENCY_KEY_REUSED),
)
def post_job(
    request: HttpRequest, response: HttpResponse, given: JobGiven, idempotency_key: IdempotencyKey = None
) -> Status[JobCreatedTold]:
    """Announce the files of a job and what to make of them.

    Answered at once; nothing is uploaded or developed yet. The answer has the first hundred images; ask for links to
    upload them with.
    """
    config = runtime.web_config()
    principal = principal_of(request)
    _check_sizes(given, config.max_file_bytes)
    accepted = _accepted(given)
    try:
        created = transitions.create_job(
            tenant=principal.tenant,
            recipe=accepted.settings,
            recipe_digest=accepted.digest,
            files=[NewFile(name=file.name, size_bytes=file.size_bytes) for file in given.files],
            lifetime=timedelta(days=config.job_lifetime_days),
            idempotency=None
            if idempotency_key is None
            else Idempotency(key=idempotency_key, body_digest=_digest(given)),
        )
    except IdempotencyConflict:
        raise Problem(
            Code.IDEMPOTENCY_KEY_REUSED, f"Idempotency-Key {idempotency_key!r} came with another body before"
        ) from None
    job = created.job
    if created.replayed:
        response["Idempotency-Replayed"] = "true"
    response["Location"] = f"/v1/jobs/{job.job_id}"
    _log.info("job_posted", job=str(job.job_id), images=job.images_total, replayed=created.replayed)
    first = list(Image.objects.filter(job=job).order_by("position")[: BULK + 1])
    told = told_job(job, link=True)
    return Status(202, JobCreatedTold(**dict(told), first_page=told_images(first, limit=BULK, links=False)))


@router.get("/jobs", response=JobsTold, openapi_extra=problems(Code.INVALID_REQUEST))
def list_jobs(
    request: HttpRequest,
    status: Annotated[JobStatus | None, Query(description="only jobs of this status")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> JobsTold:
    """Your jobs, newest first."""
    found = Job.objects.filter(tenant_id=principal_of(request).tenant).order_by("-created_at", "-job_id")
    if status is not None:
        found = found.filter(status=status)
    before = job_before(cursor)
    if before is not None:
        created_at, job_id = before
        found = found.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, job_id__lt=job_id))
    jobs = list(found[: limit + 1])
    page = jobs[:limit]
    more = len(jobs) > limit
    return JobsTold(
        items=[told_job(job, link=False) for job in page],
        next_cursor=cursor_of(page[-1].created_at.isoformat(), str(page[-1].job_id)) if more else None,
    )


@router.get("/jobs/{uuid:job_id}", response=JobTold, openapi_extra=problems(Code.NOT_FOUND, Code.STORAGE_UNAVAILABLE))
def get_job(request: HttpRequest, job_id: UUID) -> JobTold:
    """How far a job is; when it is completed, the link to its archive."""
    return told_job(find_job(principal_of(request), job_id), link=True)


@router.delete("/jobs/{uuid:job_id}", response=JobTold, openapi_extra=problems(Code.NOT_FOUND, Code.JOB_ENDED))
def cancel_job(request: HttpRequest, job_id: UUID) -> JobTold:
    """Cancel what has not started. Images in work finish; cancelling a cancelled job changes nothing."""
    principal = principal_of(request)
    find_job(principal, job_id)
    done = transitions.cancel(job_id)
    if done is not None and not done.changed and done.status != JobStatus.CANCELLED:
        raise Problem(Code.JOB_ENDED, f"job {job_id} is {done.status}; there is nothing to cancel")
    return told_job(find_job(principal, job_id), link=False)


def _check_sizes(given: JobGiven, most_bytes: int) -> None:
    errors = [
        {"pointer": f"#/files/{at}/size_bytes", "detail": f"{file.size_bytes} bytes; a file has at most {most_bytes}"}
        for at, file in enumerate(given.files)
        if file.size_bytes > most_bytes
    ]
    if errors:
        raise Problem(Code.INVALID_REQUEST, f"{len(errors)} of the files are too large", errors=errors[:BULK])


def _accepted(given: JobGiven) -> recipes.Accepted:
    try:
        return recipes.accept(given.recipe)
    except RecipeError as error:
        raise recipe_problem(error) from None


def recipe_problem(error: RecipeError) -> Problem:
    """What is wrong with a recipe, each fault with its place."""
    lines = str(error).splitlines()
    return Problem(Code.INVALID_RECIPE, lines[0], errors=[_fault(line) for line in lines[:BULK]])


def _fault(line: str) -> dict[str, str]:
    found = _FAULT.match(line)
    if found is None:
        return {"pointer": "#/recipe", "detail": line}
    place = found["key"].replace(".", "/")
    return {"pointer": f"#/recipe/{place}", "detail": line.removeprefix("recipe: ")}


def _digest(given: JobGiven) -> str:
    """Of the body's meaning: spaces and the order of keys make no other job."""
    canonical = json.dumps(given.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
