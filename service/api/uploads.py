"""Uploads: links to put files into storage with, and the confirmation that they are there. One by one or in bulk."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from service.api.context import principal_of
from service.api.finding import find_image, find_images, find_job, missing
from service.api.openapi import problems
from service.api.problems import Code, Problem
from service.api.resources import resources
from service.api.uploading import confirm, offer, part_size_bytes, stored_parts, told_parts
from service.api.wire import (
    AllUploadedGiven,
    AllUploadedTold,
    ImageProblemTold,
    ImageUploadedGiven,
    ImageUploadGiven,
    MultipartTold,
    ProblemTold,
    PutTold,
    UploadedGiven,
    UploadedTold,
    UploadGiven,
    UploadsGiven,
    UploadStateTold,
    UploadsTold,
)
from service.jobs.models import Image, Job

router = Router(tags=["uploads"])
G = TypeVar("G", ImageUploadGiven, ImageUploadedGiven)
T = TypeVar("T")

_LINK_PROBLEMS = (Code.NOT_FOUND, Code.INVALID_REQUEST, Code.STORAGE_UNAVAILABLE)
_ALL_UPLOAD_PROBLEMS = (Code.UPLOAD_MISSING, Code.UPLOAD_INCOMPLETE, Code.UPLOAD_MISMATCH, Code.JOB_ENDED)


@router.post("/jobs/{uuid:job_id}/uploads", response=UploadsTold, openapi_extra=problems(*_LINK_PROBLEMS))
def post_uploads(request: HttpRequest, job_id: UUID, given: UploadsGiven) -> UploadsTold:
    """Links for up to 100 images. An image that is refused has its problem in its place; the others have links."""
    job = find_job(principal_of(request), job_id)
    wanted, order = _matched(job, given.images)
    offers = offer(resources(), job, wanted)
    return UploadsTold(uploads=_in_order(order, offers))


@router.post(
    "/jobs/{uuid:job_id}/images/{uuid:image_id}/upload",
    response=PutTold | MultipartTold,
    openapi_extra=problems(*_LINK_PROBLEMS, Code.JOB_ENDED, Code.IMAGE_UPLOADED),
)
def post_upload(
    request: HttpRequest, job_id: UUID, image_id: UUID, given: UploadGiven | None = None
) -> PutTold | MultipartTold:
    """A link for one image: one PUT, or above 64 MiB the parts that storage does not have yet."""
    image = find_image(principal_of(request), job_id, image_id)
    options = (given or UploadGiven()).model_dump()
    offers = offer(resources(), image.job, [(image, ImageUploadGiven(image_id=image_id, **options))])
    if isinstance(offers[0], Problem):
        raise offers[0]
    return offers[0]


@router.get(
    "/jobs/{uuid:job_id}/images/{uuid:image_id}/upload",
    response=UploadStateTold,
    openapi_extra=problems(Code.NOT_FOUND, Code.NO_UPLOAD, Code.STORAGE_UNAVAILABLE),
)
def get_upload(request: HttpRequest, job_id: UUID, image_id: UUID) -> UploadStateTold:
    """Which parts of a multipart upload storage has."""
    image = find_image(principal_of(request), job_id, image_id)
    parts = stored_parts(resources(), image)
    return UploadStateTold(
        image_id=image_id,
        upload_id=str(image.upload_id),
        part_size_bytes=part_size_bytes(image.size_bytes),
        stored_parts=told_parts(parts),
    )


@router.post("/jobs/{uuid:job_id}/uploaded", response=AllUploadedTold, openapi_extra=problems(*_LINK_PROBLEMS))
def post_all_uploaded(request: HttpRequest, job_id: UUID, given: AllUploadedGiven) -> AllUploadedTold:
    """Confirm up to 100 uploads: each is looked at and sent to a worker, or refused with its problem."""
    job = find_job(principal_of(request), job_id)
    wanted, order = _matched(job, given.images)
    return AllUploadedTold(images=_in_order(order, confirm(resources(), job, wanted)))


@router.post(
    "/jobs/{uuid:job_id}/images/{uuid:image_id}/uploaded",
    response=UploadedTold,
    openapi_extra=problems(*_LINK_PROBLEMS, *_ALL_UPLOAD_PROBLEMS),
)
def post_uploaded(
    request: HttpRequest, job_id: UUID, image_id: UUID, given: UploadedGiven | None = None
) -> UploadedTold:
    """Confirm one upload: it is looked at and sent to a worker. Confirming again changes nothing."""
    image = find_image(principal_of(request), job_id, image_id)
    confirmation = ImageUploadedGiven(image_id=image_id, parts=None if given is None else given.parts)
    confirmed = confirm(resources(), image.job, [(image, confirmation)])
    if isinstance(confirmed[0], Problem):
        raise confirmed[0]
    return confirmed[0]


def _matched(job: Job, given: Sequence[G]) -> tuple[list[tuple[Image, G]], list[tuple[UUID, int | Problem]]]:
    """The images that there are, each once, and for every entry of the request its place among them or a problem."""
    images = find_images(job, (entry.image_id for entry in given))
    wanted: list[tuple[Image, G]] = []
    places: dict[UUID, int] = {}
    order: list[tuple[UUID, int | Problem]] = []
    for entry in given:
        image = images.get(entry.image_id)
        if image is None:
            order.append((entry.image_id, missing(job.job_id, entry.image_id)))
            continue
        if entry.image_id not in places:
            places[entry.image_id] = len(wanted)
            wanted.append((image, entry))
        order.append((entry.image_id, places[entry.image_id]))
    return wanted, order


def _in_order(order: Sequence[tuple[UUID, int | Problem]], found: Sequence[T | Problem]) -> list[T | ImageProblemTold]:
    answers: list[T | ImageProblemTold] = []
    for image_id, place in order:
        answer = place if isinstance(place, Problem) else found[place]
        if isinstance(answer, Problem):
            problem = ProblemTold.model_validate(answer.document())
            answers.append(ImageProblemTold(image_id=image_id, problem=problem))
        else:
            answers.append(answer)
    return answers
