"""The archive of a job whose images are all settled: due, sent, claimed under a lease, written."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from service.jobs.reasons import ServiceReason
from service.jobs.records import ArchiveClaim, Refusal, RefusalReason
from service.jobs.sql import row, rows

_CLAIM = """
WITH wanted AS (
    SELECT job_id, status, settled_at, archive_lease_until,
        status = 'processing' AND settled_at IS NOT NULL AS is_due FROM jobs WHERE job_id = %(job)s
), claimed AS (
    UPDATE jobs SET archive_token = gen_random_uuid(), archive_lease_until = now() + %(lease)s,
        archive_attempts = archive_attempts + 1
    WHERE job_id = %(job)s AND status = 'processing' AND settled_at IS NOT NULL
        AND (archive_token IS NULL OR archive_lease_until < now())
    RETURNING *
)
SELECT wanted.status AS status_before, wanted.is_due, wanted.archive_lease_until AS lease_before, now() AS asked_at,
    claimed.job_id, claimed.tenant_id, claimed.recipe, claimed.images_total, claimed.images_completed,
    claimed.archive_attempts, claimed.archive_token
FROM wanted LEFT JOIN claimed ON claimed.job_id = wanted.job_id
"""

_EXTEND = """
WITH held AS (
    SELECT job_id FROM jobs WHERE archive_token = ANY(%(tokens)s) ORDER BY job_id FOR NO KEY UPDATE
)
UPDATE jobs SET archive_lease_until = now() + %(lease)s
FROM held
WHERE jobs.job_id = held.job_id
RETURNING jobs.archive_token
"""

_COMPLETE = """
UPDATE jobs SET status = 'completed', completed_at = now(), s3_key = %(key)s, archive_bytes = %(size)s,
    archive_token = NULL, archive_lease_until = NULL
WHERE job_id = %(job)s AND archive_token = %(token)s AND status = 'processing' AND settled_at IS NOT NULL
RETURNING job_id
"""

_GIVE_BACK = """
UPDATE jobs SET archive_token = NULL, archive_lease_until = NULL, archive_attempts = archive_attempts - %(uncounted)s
WHERE job_id = %(job)s AND archive_token = %(token)s
RETURNING job_id
"""

_FAIL = """
UPDATE jobs SET status = 'failed', error_code = %(code)s, error_message = %(message)s,
    archive_token = NULL, archive_lease_until = NULL
WHERE job_id = %(job)s AND archive_token = %(token)s AND status = 'processing'
RETURNING job_id
"""

_ENQUEUED = """
UPDATE jobs SET archive_enqueued_at = now()
WHERE job_id = %(job)s AND status = 'processing' AND settled_at IS NOT NULL
RETURNING job_id
"""


def claim_archive(job_id: UUID, *, lease_s: float) -> ArchiveClaim | Refusal:
    """Takes the archive of a settled job. SETTLED also answers a job that has images to do (again). One query."""
    values = {"job": job_id, "lease": timedelta(seconds=lease_s)}
    found = row(_CLAIM, values)
    if found is None:
        return Refusal(reason=RefusalReason.GONE)
    if found["job_id"] is not None:
        return ArchiveClaim(
            job_id=job_id,
            tenant=found["tenant_id"],
            recipe=json.loads(found["recipe"]),
            images_total=found["images_total"],
            images_completed=found["images_completed"],
            attempts=found["archive_attempts"],
            lease_token=found["archive_token"],
        )
    if found["status_before"] == "cancelled":
        return Refusal(reason=RefusalReason.CANCELLED)
    if not found["is_due"]:
        return Refusal(reason=RefusalReason.SETTLED)
    lease_until: datetime | None = found["lease_before"]
    wait_s = 0.0 if lease_until is None else (lease_until - found["asked_at"]).total_seconds()
    return Refusal(reason=RefusalReason.BUSY, lease_until=lease_until, retry_after_s=max(wait_s, 0.0))


def extend_archives(lease_tokens: Collection[UUID], *, lease_s: float) -> frozenset[UUID]:
    """Prolongs archive leases to `lease_s` from now; returns those that are still the caller's."""
    values = {"tokens": list(lease_tokens), "lease": timedelta(seconds=lease_s)}
    return frozenset(found["archive_token"] for found in rows(_EXTEND, values))


def complete_archive(claim: ArchiveClaim, *, key: str, size_bytes: int) -> bool:
    """Completes the job with its archive; False when it was reopened, cancelled or taken over meanwhile."""
    values = {"job": claim.job_id, "token": claim.lease_token, "key": key, "size": size_bytes}
    return row(_COMPLETE, values) is not None


def give_back_archive(claim: ArchiveClaim, *, drained: bool) -> bool:
    """Lets the archive wait for another try; `drained` as for images."""
    values = {"job": claim.job_id, "token": claim.lease_token, "uncounted": int(drained)}
    return row(_GIVE_BACK, values) is not None


def fail_archive(claim: ArchiveClaim, message: str) -> bool:
    """Fails the job for its archive could not be written; the renditions stay where they are."""
    values = {
        "job": claim.job_id,
        "token": claim.lease_token,
        "code": ServiceReason.ARCHIVE_FAILED.value,
        "message": message[:2000],
    }
    return row(_FAIL, values) is not None


def mark_archive_enqueued(job_id: UUID) -> bool:
    """Writes down that the archive message was sent."""
    return row(_ENQUEUED, {"job": job_id}) is not None
