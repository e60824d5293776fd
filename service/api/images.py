"""Images of a job: by page, and one by one with the links to what was made of them."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from service.api.context import principal_of
from service.api.finding import find_image, find_job
from service.api.openapi import problems
from service.api.pages import position_after
from service.api.parameters import Cursor, Limit
from service.api.problems import Code
from service.api.telling import told_image, told_images
from service.api.wire import ImagesTold, ImageTold
from service.jobs.models import Image, ImageStatus

router = Router(tags=["images"])


@router.get(
    "/jobs/{uuid:job_id}/images",
    response=ImagesTold,
    openapi_extra=problems(Code.NOT_FOUND, Code.INVALID_REQUEST, Code.STORAGE_UNAVAILABLE),
)
def list_images(
    request: HttpRequest,
    job_id: UUID,
    *,
    status: Annotated[ImageStatus | None, Query(description="only images of this status")] = None,
    links: Annotated[bool, Query(description="with a link to each rendition")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ImagesTold:
    """The images of a job in the order of its files."""
    job = find_job(principal_of(request), job_id)
    found = Image.objects.filter(job=job, position__gt=position_after(cursor)).order_by("position")
    if status is not None:
        found = found.filter(status=status)
    return told_images(list(found[: limit + 1]), limit=limit, links=links)


@router.get(
    "/jobs/{uuid:job_id}/images/{uuid:image_id}",
    response=ImageTold,
    openapi_extra=problems(Code.NOT_FOUND, Code.STORAGE_UNAVAILABLE),
)
def get_image(request: HttpRequest, job_id: UUID, image_id: UUID) -> ImageTold:
    """One image, with links to its renditions."""
    return told_image(find_image(principal_of(request), job_id, image_id), links=True)
