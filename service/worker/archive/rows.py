"""The rows that an archive is made of: written to scratch by the supervisor, read there by the child."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

JOB_FILE = "job.json"
IMAGES_FILE = "images.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """The job. Times are ISO 8601, UTC."""

    job_id: str
    recipe_name: str
    recipe_digest: str
    created_at: str
    started_at: str
    settled_at: str
    wall_s: float
    images_total: int
    images_completed: int
    images_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image, as in service.jobs.models."""

    name: str
    size_bytes: int
    status: str
    attempts: int
    error_code: str | None
    error_message: str | None
    verdict: str | None
    evidence: list[str]
    outputs: list[dict[str, Any]]
    timings: dict[str, float]


def write_rows(job_id: str, folder: Path) -> datetime:
    """Write a job and its images into files, a few at a time in memory. Two queries; only where Django is set up.

    Returns:
        when the job was posted.
    """
    from service.jobs.models import Image, Job  # noqa: PLC0415 - children read this module without Django

    job = Job.objects.get(pk=job_id)
    started_at, settled_at = job.started_at or job.created_at, job.settled_at or job.created_at
    (folder / JOB_FILE).write_text(
        json.dumps(
            {
                "job_id": str(job.job_id),
                "recipe_name": str(job.recipe.get("name", "custom")),
                "recipe_digest": job.recipe_digest,
                "created_at": job.created_at.isoformat(timespec="seconds"),
                "started_at": started_at.isoformat(timespec="seconds"),
                "settled_at": settled_at.isoformat(timespec="seconds"),
                "wall_s": (settled_at - started_at).total_seconds(),
                "images_total": job.images_total,
                "images_completed": job.images_completed,
                "images_failed": job.images_failed,
            }
        ),
        encoding="utf-8",
    )
    images = Image.objects.filter(job_id=job_id).order_by("position").values(*ImageRow.__annotations__)
    with (folder / IMAGES_FILE).open("w", encoding="utf-8") as file:
        for image in images.iterator(chunk_size=500):
            file.write(json.dumps(image) + "\n")
    return job.created_at


def read_job(folder: Path) -> JobRow:
    """The job that was written."""
    return JobRow(**json.loads((folder / JOB_FILE).read_text(encoding="utf-8")))


def read_images(folder: Path) -> Iterator[ImageRow]:
    """The images that were written, by their place in the job."""
    with (folder / IMAGES_FILE).open(encoding="utf-8") as file:
        for line in file:
            yield ImageRow(**json.loads(line))
