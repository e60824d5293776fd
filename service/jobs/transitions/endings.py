"""Ends that come from outside: cancelled by the customer, expired, or with all its workers lost.

Each is a transaction over one job that locks its row first and looks at the images in statements of their own after
that: they see everything that was committed before the lock was granted, a single statement would not.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from service.jobs.models import JobStatus
from service.jobs.reasons import SENTENCES, ServiceReason
from service.jobs.records import Cancellation
from service.jobs.sql import COUNT_SETTLED, row, rows

_LOCK = "SELECT job_id, status FROM jobs WHERE job_id = %(job)s FOR NO KEY UPDATE"

_LOCK_EXPIRED = """
SELECT job_id FROM jobs
WHERE expires_at < now() AND status IN ('pending', 'processing')
ORDER BY expires_at
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED
"""

_FAIL_WAITING = """
WITH waiting AS (
    SELECT image_id FROM images WHERE job_id = %(job)s AND status = 'pending' ORDER BY image_id FOR UPDATE
)
UPDATE images SET status = 'failed', error_code = %(code)s, error_message = %(message)s, settled_at = now()
FROM waiting
WHERE images.image_id = waiting.image_id
RETURNING images.image_id
"""

_COUNT = f"""
WITH counted AS (SELECT %(job)s::uuid AS job_id, 0 AS completed, %(failed)s::int AS failed)
UPDATE jobs SET {COUNT_SETTLED}
FROM counted
WHERE jobs.job_id = counted.job_id
"""  # noqa: S608 - a constant of this package

_CANCELLED = """
UPDATE jobs SET status = 'cancelled', cancelled_at = now(), error_code = %(code)s
WHERE job_id = %(job)s
"""

_EXPIRED = """
UPDATE jobs SET status = 'failed', error_code = %(code)s, error_message = %(message)s
WHERE job_id = %(job)s
"""

_JOBS_WITH_LOST = """
SELECT DISTINCT job_id FROM images
WHERE status = 'processing' AND lease_until < now() - %(grace)s
LIMIT %(limit)s
"""

_LOCK_FREE = "SELECT job_id, status FROM jobs WHERE job_id = %(job)s FOR NO KEY UPDATE SKIP LOCKED"

_RELEASE_LOST = """
WITH lost AS (
    SELECT image_id,
        CASE WHEN %(ended_by)s::text IS NOT NULL THEN %(ended_by)s
             WHEN attempts >= %(max_attempts)s THEN %(worker_lost)s END AS code
    FROM images
    WHERE job_id = %(job)s AND status = 'processing' AND lease_until < now() - %(grace)s
    ORDER BY image_id
    FOR UPDATE
)
UPDATE images SET lease_token = NULL, lease_until = NULL, enqueued_at = NULL,
    status = CASE WHEN lost.code IS NULL THEN 'pending' ELSE 'failed' END,
    settled_at = CASE WHEN lost.code IS NULL THEN NULL ELSE now() END,
    error_code = lost.code,
    error_message = CASE WHEN lost.code IS NULL THEN NULL
        WHEN lost.code = %(worker_lost)s THEN format(%(lost_message)s, images.attempts, images.worker)
        ELSE %(ended_message)s END
FROM lost
WHERE images.image_id = lost.image_id
RETURNING images.image_id, images.status, lost.code
"""

_FAIL_LOST_ARCHIVES = """
WITH lost AS (
    SELECT job_id FROM jobs
    WHERE status = 'processing' AND settled_at IS NOT NULL AND archive_lease_until < now() - %(grace)s
    ORDER BY job_id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE jobs SET archive_token = NULL, archive_lease_until = NULL, archive_enqueued_at = NULL,
    status = CASE WHEN archive_attempts >= %(max_attempts)s THEN 'failed' ELSE status END,
    error_code = CASE WHEN archive_attempts >= %(max_attempts)s THEN %(code)s ELSE error_code END,
    error_message = CASE WHEN archive_attempts >= %(max_attempts)s THEN %(message)s ELSE error_message END
FROM lost
WHERE jobs.job_id = lost.job_id
RETURNING jobs.status
"""

_LOST_MESSAGE = "the worker was lost in each of %s attempts (the last one was %s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What became of images and archives whose worker was lost: failed for good, or waiting for another try."""

    failed: int = 0
    waiting: int = 0


def cancel(job_id: UUID) -> Cancellation | None:
    """Cancels what has not started; None when there is no such job. Images that a worker has finish."""
    with transaction.atomic():
        found = row(_LOCK, {"job": job_id})
        if found is None:
            return None
        if found["status"] not in {"pending", "processing"}:
            return Cancellation(changed=False, status=JobStatus(found["status"]))
        rows(_CANCELLED, {"job": job_id, "code": ServiceReason.CANCELLED.value})
        cancelled = _fail_waiting(job_id, ServiceReason.CANCELLED)
    return Cancellation(changed=True, status=JobStatus.CANCELLED, images_cancelled=cancelled)


def expire(*, limit: int) -> int:
    """Fails jobs whose life is over, at most `limit`; returns how many. Safe for several callers at once."""
    for expired in range(limit):
        with transaction.atomic():
            found = row(_LOCK_EXPIRED, {})
            if found is None:
                return expired
            job_id: UUID = found["job_id"]
            values = {
                "job": job_id,
                "code": ServiceReason.EXPIRED.value,
                "message": SENTENCES[ServiceReason.EXPIRED],
            }
            rows(_EXPIRED, values)
            _fail_waiting(job_id, ServiceReason.EXPIRED)
    return limit


def release_lost(*, max_attempts: int, grace_s: float, limit: int) -> Released:
    """Deals with images whose lease has been over for `grace_s` and whom no worker took since.

    An image that was lost `max_attempts` times fails as `worker_lost`; others wait again, to be sent anew: their
    message may have gone to the dead-letter queue with the worker. At most `limit` jobs; several callers are safe.
    """
    failed = waiting = 0
    grace = timedelta(seconds=grace_s)
    for job in rows(_JOBS_WITH_LOST, {"grace": grace, "limit": limit}):
        with transaction.atomic():
            found = row(_LOCK_FREE, {"job": job["job_id"]})
            if found is None:
                continue
            released = _release_images(job["job_id"], found["status"], max_attempts, grace)
        failed, waiting = failed + released.failed, waiting + released.waiting
    return Released(failed=failed, waiting=waiting)


def release_lost_archives(*, max_attempts: int, grace_s: float) -> Released:
    """The same for archives: after `max_attempts` the job fails."""
    values = {
        "grace": timedelta(seconds=grace_s),
        "max_attempts": max_attempts,
        "code": ServiceReason.WORKER_LOST.value,
        "message": "every worker that wrote the archive was lost",
    }
    found = [job["status"] for job in rows(_FAIL_LOST_ARCHIVES, values)]
    return Released(failed=found.count("failed"), waiting=found.count("processing"))


def _release_images(job_id: UUID, job_status: str, max_attempts: int, grace: timedelta) -> Released:
    ended_by = {"cancelled": ServiceReason.CANCELLED, "failed": ServiceReason.EXPIRED}.get(job_status)
    values = {
        "job": job_id,
        "grace": grace,
        "max_attempts": max_attempts,
        "worker_lost": ServiceReason.WORKER_LOST.value,
        "lost_message": _LOST_MESSAGE,
        "ended_by": None if ended_by is None else ended_by.value,
        "ended_message": None if ended_by is None else SENTENCES[ended_by],
    }
    statuses = [image["status"] for image in rows(_RELEASE_LOST, values)]
    released = Released(failed=statuses.count("failed"), waiting=statuses.count("pending"))
    if released.failed:
        rows(_COUNT, {"job": job_id, "failed": released.failed})
    return released


def _fail_waiting(job_id: UUID, reason: ServiceReason) -> int:
    failed = len(rows(_FAIL_WAITING, {"job": job_id, "code": reason.value, "message": SENTENCES[reason]}))
    if failed:
        rows(_COUNT, {"job": job_id, "failed": failed})
    return failed
