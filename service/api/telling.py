"""Rows as the API tells them, with links where they are wanted."""

from pathlib import PurePosixPath

from service.api.pages import cursor_of
from service.api.resources import resources
from service.api.wire import (
    CountsTold,
    ImagesTold,
    ImageTold,
    JobTold,
    RecipeTold,
    RenditionTold,
)
from service.jobs.models import Image, ImageStatus, Job, JobStatus


def told_job(job: Job, *, link: bool) -> JobTold:
    """A job; with `link`, a completed one has the link to its archive."""
    download_url = expires_in = expires_at = None
    if link and job.status == JobStatus.COMPLETED and job.s3_key is not None:
        signer = resources().download_signer
        life = signer.lifetime()
        download_url = signer.bucket.download_link(
            job.s3_key, lifetime_s=life.expires_in_s, file_name=f"rawmill-{job.job_id}.zip"
        ).url
        expires_in, expires_at = life.expires_in_s, life.expires_at
    return JobTold(
        job_id=job.job_id,
        status=JobStatus(job.status),
        recipe=RecipeTold(
            name=job.recipe.get("name", "custom"),
            digest=job.recipe_digest,
            renditions=[rendition["name"] for rendition in job.recipe["renditions"]],
        ),
        images=CountsTold(total=job.images_total, completed=job.images_completed, failed=job.images_failed),
        created_at=job.created_at,
        started_at=job.started_at,
        settled_at=job.settled_at,
        completed_at=job.completed_at,
        cancelled_at=job.cancelled_at,
        expires_at=job.expires_at,
        error_code=job.error_code,
        error_message=job.error_message,
        archive_bytes=job.archive_bytes,
        download_url=download_url,
        expires_in=expires_in,
        link_expires_at=expires_at,
    )


def told_image(image: Image, *, links: bool) -> ImageTold:
    """An image; with `links`, its renditions can be downloaded."""
    with_links = links and bool(image.outputs)
    life = resources().download_signer.lifetime() if with_links else None
    return ImageTold(
        image_id=image.image_id,
        position=image.position,
        name=image.name,
        size_bytes=image.size_bytes,
        status=ImageStatus(image.status),
        uploaded_at=image.uploaded_at,
        started_at=image.started_at,
        settled_at=image.settled_at,
        attempts=image.attempts,
        error_code=image.error_code,
        error_message=image.error_message,
        verdict=image.verdict,
        evidence=image.evidence,
        timings=image.timings,
        renditions=[
            RenditionTold(
                name=output["rendition"],
                file_name=(file_name := _file_name(image, output["rendition"], output["key"])),
                width_px=output["width_px"],
                height_px=output["height_px"],
                size_bytes=output["size_bytes"],
                url=None if life is None else _link(output["key"], life.expires_in_s, file_name),
            )
            for output in image.outputs
        ],
        expires_in=None if life is None else life.expires_in_s,
        link_expires_at=None if life is None else life.expires_at,
    )


def told_images(images: list[Image], *, limit: int, links: bool) -> ImagesTold:
    """A page of `limit` images; `images` has one more when there is a next page."""
    page = images[:limit]
    return ImagesTold(
        items=[told_image(image, links=links) for image in page],
        next_cursor=cursor_of(page[-1].position) if len(images) > limit else None,
    )


def _link(key: str, lifetime_s: int, file_name: str) -> str:
    return resources().download_signer.bucket.download_link(key, lifetime_s=lifetime_s, file_name=file_name).url


def _file_name(image: Image, rendition: str, key: str) -> str:
    """`IMG_0042-web.jpg`: the customer's name without folders and extension, and the rendition's."""
    stem = PurePosixPath(image.name.replace("\\", "/")).stem or "image"
    return f"{stem}-{rendition}{PurePosixPath(key).suffix}"
