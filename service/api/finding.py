"""Jobs and images of the caller's tenant. What belongs to another tenant is not there."""

from collections.abc import Iterable
from uuid import UUID

from service.api.problems import Code, Problem
from service.jobs.api_keys import Principal
from service.jobs.models import Image, Job


def find_job(principal: Principal, job_id: UUID) -> Job:
    """A job of the caller.

    Raises:
        Problem: there is none.
    """
    job = Job.objects.filter(job_id=job_id, tenant_id=principal.tenant).first()
    if job is None:
        raise Problem(Code.NOT_FOUND, f"job {job_id}: there is none")
    return job


def find_image(principal: Principal, job_id: UUID, image_id: UUID) -> Image:
    """An image of a job of the caller, its job with it.

    Raises:
        Problem: there is none.
    """
    found = Image.objects.select_related("job").filter(
        image_id=image_id, job_id=job_id, job__tenant_id=principal.tenant
    )
    image = found.first()
    if image is None:
        raise Problem(Code.NOT_FOUND, f"image {image_id} of job {job_id}: there is none")
    return image


def find_images(job: Job, image_ids: Iterable[UUID]) -> dict[UUID, Image]:
    """Those of the images that the job has."""
    return {image.image_id: image for image in Image.objects.filter(job=job, image_id__in=list(image_ids))}


def missing(job_id: UUID, image_id: UUID) -> Problem:
    """An image that is not there."""
    return Problem(Code.NOT_FOUND, f"image {image_id} of job {job_id}: there is none")
