"""Another chance after a fix: a failed image waits again and its job is open again; the caller sends the message."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from service.jobs.records import Redriven
from service.jobs.sql import row, rows

_LOCK = "SELECT status FROM jobs WHERE job_id = %(job)s FOR NO KEY UPDATE"

_WAITS_AGAIN = """
UPDATE images SET status = 'pending', attempts = 0, error_code = NULL, error_message = NULL, verdict = NULL,
    evidence = '{}', settled_at = NULL, enqueued_at = NULL
WHERE job_id = %(job)s AND status = 'failed' AND uploaded_at IS NOT NULL
"""

_REOPEN_IMAGE = f"{_WAITS_AGAIN} AND image_id = %(image)s RETURNING image_id"

_REOPEN_FAILED = f"{_WAITS_AGAIN} RETURNING image_id"

_REOPEN_JOB = """
UPDATE jobs SET images_failed = images_failed - %(images)s, status = 'processing', settled_at = NULL,
    completed_at = NULL, s3_key = NULL, archive_bytes = NULL, archive_enqueued_at = NULL, archive_attempts = 0,
    archive_token = NULL, archive_lease_until = NULL, error_code = NULL, error_message = NULL,
    started_at = coalesce(started_at, now()), expires_at = greatest(expires_at, now() + %(lifetime)s)
WHERE job_id = %(job)s
"""

_REOPEN_ARCHIVE = """
UPDATE jobs SET status = 'processing', archive_enqueued_at = NULL, archive_attempts = 0, error_code = NULL,
    error_message = NULL, expires_at = greatest(expires_at, now() + %(lifetime)s)
WHERE job_id = %(job)s AND status = 'failed' AND settled_at IS NOT NULL AND images_completed > 0
RETURNING job_id
"""


def redrive_image(job_id: UUID, image_id: UUID, *, lifetime: timedelta) -> Redriven | None:
    """Lets a failed image wait again and reopens its job for at least `lifetime`.

    None when there is nothing to redo: no such image, not failed, never uploaded, or its job was cancelled.
    """
    with transaction.atomic():
        job = row(_LOCK, {"job": job_id})
        if job is None or job["status"] == "cancelled":
            return None
        if row(_REOPEN_IMAGE, {"job": job_id, "image": image_id}) is None:
            return None
        rows(_REOPEN_JOB, {"job": job_id, "images": 1, "lifetime": lifetime})
    return Redriven(job_id=job_id, image_id=image_id)


def redrive_archive(job_id: UUID, *, lifetime: timedelta) -> Redriven | None:
    """Makes the archive of a job due again that failed with all its images settled; None when there is none."""
    found = row(_REOPEN_ARCHIVE, {"job": job_id, "lifetime": lifetime})
    return None if found is None else Redriven(job_id=job_id, image_id=None)


def redrive_failed(job_id: UUID, *, lifetime: timedelta) -> list[UUID]:
    """Lets every failed image of a job wait again that was uploaded; two statements, however many there are.

    Nothing for a job that was cancelled, or that has no such image. The caller sends the messages; the sweeper sends
    those that it does not.
    """
    with transaction.atomic():
        job = row(_LOCK, {"job": job_id})
        if job is None or job["status"] == "cancelled":
            return []
        reopened = [each["image_id"] for each in rows(_REOPEN_FAILED, {"job": job_id})]
        if reopened:
            rows(_REOPEN_JOB, {"job": job_id, "images": len(reopened), "lifetime": lifetime})
    return reopened
