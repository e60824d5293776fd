"""Jobs: the history, one job as it goes, and what can be done to it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from service import runtime
from service.api.pages import cursor_of, job_before, position_after
from service.api.problems import Problem
from service.api.resources import resources
from service.api.telling import told_job
from service.aws.errors import AwsError
from service.console import words
from service.console.access import principal_of, signed_in, the_user
from service.console.showing import is_open, job_rows, tiles
from service.jobs import outbox, transitions
from service.jobs.models import Image, ImageStatus, Job, JobStatus
from service.logs import logger

_log = logger(__name__)
PAGE = 25
"""Jobs of a page."""
IMAGES = 60
"""Images of a page."""
SEARCH_MS = 3000
"""A search through a tenant's file names has no index to go by: so long it may take."""
SENT_AT_ONCE = 500
"""Messages that a retry sends before it answers; the sweeper sends the rest within a minute."""
SHOWN = {
    "all": Q(),
    "suspect": Q(verdict="suspect"),
    "failed": Q(status=ImageStatus.FAILED),
    "waiting": Q(status__in=(ImageStatus.PENDING, ImageStatus.PROCESSING)),
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The first page."""
    return HttpResponseRedirect(reverse("jobs"))


@require_safe
@signed_in
def history(request: HttpRequest) -> HttpResponse:
    """The tenant's jobs, newest first: all, of one status, or with a file of some name."""
    wanted, status = request.GET.get("q", "").strip()[:100], request.GET.get("status", "")
    found = Job.objects.filter(tenant_id=the_user(request).tenant_id).order_by("-created_at", "-job_id")
    if status in JobStatus.values:
        found = found.filter(status=status)
    before = _or_404(job_before, request.GET.get("after"))
    if before is not None:
        found = found.filter(Q(created_at__lt=before[0]) | Q(created_at=before[0], job_id__lt=before[1]))
    jobs, too_slow = _searched(found, wanted)
    page = jobs[:PAGE]
    context = {
        "section": "jobs",
        "rows": job_rows(page),
        "q": wanted,
        "status": status,
        "statuses": words.JOB_STATUS.items(),
        "too_slow": too_slow,
        "first": before is None,
        "after": cursor_of(page[-1].created_at.isoformat(), str(page[-1].job_id)) if len(jobs) > PAGE else None,
    }
    return render(request, "console/jobs.html", context)


@require_safe
@signed_in
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job. With `X-Part: live` only what changes while it goes."""
    found = _job_of(request, job_id)
    show = request.GET.get("show", "all")
    after = _or_404(position_after, request.GET.get("after"))
    images = list(
        Image.objects.filter(SHOWN.get(show, Q()), job=found, position__gt=after).order_by("position")[: IMAGES + 1]
    )
    page = images[:IMAGES]
    context = {
        "section": "jobs",
        "job": found,
        "told": told_job(found, link=True),
        "status_words": words.JOB_STATUS[found.status],
        "reason": words.reason_of(found.error_code) if found.error_code else None,
        "done": found.images_completed + found.images_failed,
        "is_open": is_open(found),
        "may_retry": found.images_failed > 0 and found.status != JobStatus.CANCELLED,
        "tiles": tiles(page),
        "show": show,
        "shown": [("all", _("All")), ("waiting", _("Not done")), ("suspect", _("To look at")), ("failed", _("Failed"))],
        "first": after < 0,
        "after": cursor_of(page[-1].position) if len(images) > IMAGES else None,
    }
    part = request.headers.get("X-Part") == "live"
    return render(request, "console/job_live.html" if part else "console/job.html", context)


@require_POST
@signed_in
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancels what has not started."""
    _job_of(request, job_id)
    transitions.cancel(job_id)
    return _back_to(job_id)


@require_POST
@signed_in
def retry(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Gives the failed images another chance, or the archive when that is what failed."""
    _job_of(request, job_id)
    lifetime = timedelta(days=runtime.web_config().job_lifetime_days)
    queue = resources().queue
    reopened = transitions.redrive_failed(job_id, lifetime=lifetime)
    try:
        if reopened:
            outbox.send_images(queue, job_id, reopened[:SENT_AT_ONCE])
        elif transitions.redrive_archive(job_id, lifetime=lifetime) is not None:
            outbox.send_archive(queue, job_id)
    except AwsError as error:
        _log.warning("left_to_the_sweeper", job=str(job_id), images=len(reopened), reason=str(error))
    _log.info("job_retried", job=str(job_id), images=len(reopened), user=principal_of(request).key_prefix)
    return _back_to(job_id)


def _job_of(request: HttpRequest, job_id: UUID) -> Job:
    found = Job.objects.filter(job_id=job_id, tenant_id=the_user(request).tenant_id).first()
    if found is None:
        raise Http404
    return found


def _searched(found: QuerySet[Job], wanted: str) -> tuple[list[Job], bool]:
    """One job more than a page; and whether the search was given up because it took too long."""
    if not wanted:
        return list(found[: PAGE + 1]), False
    try:
        as_id = Q(job_id=UUID(wanted))
    except ValueError:
        as_id = Q()
    named = Image.objects.filter(job_id=OuterRef("job_id"), name__icontains=wanted)
    matching = found.filter(as_id if as_id else Exists(named) | Q(recipe__name__icontains=wanted))
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SEARCH_MS}ms"])
            return list(matching[: PAGE + 1]), False
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) != "57014":  # query_canceled
            raise
        return [], True


def _back_to(job_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("job", args=[job_id]))


def _or_404(read: Any, cursor: str | None) -> Any:
    try:
        return read(cursor)
    except Problem:
        raise Http404 from None
