"""Rows as pages show them. Links are signed once for a whole page, and only for what is on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.api.resources import resources
from service.console import words
from service.jobs.models import Image, ImageStatus, Job, JobStatus

THUMBNAIL_PX = 240
"""The smallest rendition with a long edge of this or more is what small pictures are shown with."""
_SHEETLET = 4


@dataclass(frozen=True, slots=True)
class Tile:
    """An image on a page of many.

    Attributes:
        state: changes whenever the tile has to be drawn anew.
        thumbnail: link to a small picture of it.
    """

    image: Image
    state: str
    status: str
    status_words: words.Words
    verdict_words: words.Words | None
    reason: words.Reason | None
    thumbnail: str | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job on a page of many."""

    job: Job
    status_words: words.Words
    done: int
    thumbnails: Sequence[str]


def tiles(images: Iterable[Image]) -> list[Tile]:
    """Images with their thumbnails."""
    sign = Thumbnails()
    return [_tile(image, sign) for image in images]


def job_rows(jobs: Sequence[Job]) -> list[JobRow]:
    """Jobs with the first of their pictures; one query for all of them."""
    first = Image.objects.filter(
        job__in=[job.job_id for job in jobs], position__lt=_SHEETLET, status=ImageStatus.COMPLETED
    ).order_by("position")
    by_job: dict[Any, list[Image]] = {}
    for image in first:
        by_job.setdefault(image.job_id, []).append(image)
    sign = Thumbnails()
    return [
        JobRow(
            job=job,
            status_words=words.JOB_STATUS[job.status],
            done=job.images_completed + job.images_failed,
            thumbnails=[link for image in by_job.get(job.job_id, []) if (link := sign.of(image)) is not None],
        )
        for job in jobs
    ]


def is_open(job: Job) -> bool:
    """Whether anything may still happen to it by itself."""
    return job.status in {JobStatus.PENDING, JobStatus.PROCESSING}


def thumbnail_output(outputs: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The smallest rendition that is large enough, else the largest."""
    by_size = sorted(outputs, key=lambda output: int(max(output["width_px"], output["height_px"])))
    enough = [output for output in by_size if max(output["width_px"], output["height_px"]) >= THUMBNAIL_PX]
    return next(iter(enough or by_size[-1:]), None)


class Thumbnails:
    """Signs links to small pictures; asks for a session of the signer when the first one is wanted."""

    def __init__(self) -> None:
        self._lifetime_s: int | None = None

    def of(self, image: Image) -> str | None:
        """The link, or None while there is no picture."""
        output = thumbnail_output(image.outputs)
        return None if output is None else self.link(output["key"])

    def link(self, key: str) -> str:
        """A link to any object of the results."""
        signer = resources().download_signer
        if self._lifetime_s is None:
            self._lifetime_s = signer.lifetime().expires_in_s
        return signer.bucket.download_link(key, lifetime_s=self._lifetime_s).url


def _tile(image: Image, sign: Thumbnails) -> Tile:
    status = image.status
    if status == ImageStatus.PENDING and image.uploaded_at is None:
        status = "missing"
    failed = image.status == ImageStatus.FAILED
    return Tile(
        image=image,
        state=f"{status}-{image.attempts if status == 'completed' else 0}",
        status=status,
        status_words=words.IMAGE_STATUS[status],
        verdict_words=words.VERDICTS.get(image.verdict) if image.verdict else None,
        reason=words.reason_of(image.error_code) if failed else None,
        thumbnail=sign.of(image) if image.status == ImageStatus.COMPLETED else None,
    )
