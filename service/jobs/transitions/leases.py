"""The life of an image with a worker: claimed under a lease, extended, and settled or given back by its holder only.

Every claim draws a new lease token. Whoever comes back after another worker took over has an old token, matches no
row, and changes nothing: duplicates and late results are fenced off by the database, not by luck with clocks.
"""

import json
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from service.jobs.models import JobStatus
from service.jobs.reasons import SENTENCES, ServiceReason
from service.jobs.records import Claim, LeaseLost, Outcome, Refusal, RefusalReason, Settled
from service.jobs.sql import COUNT_SETTLED, row, rows

MAX_MESSAGE_LENGTH = 2000

# `started` comes before `claimed`, which asks for its count: the job's row is locked before the image's.
# The job's row is only locked while the job is pending; later claims of its images do not wait for each other.
_CLAIM = """
WITH wanted AS (
    SELECT images.image_id, images.status, images.lease_until, jobs.job_id, jobs.status AS job_status,
        jobs.tenant_id, jobs.recipe, jobs.recipe_digest,
        images.status = 'pending' OR images.status = 'processing' AND images.lease_until < now() AS is_free
    FROM images JOIN jobs USING (job_id)
    WHERE images.image_id = %(image)s AND images.job_id = %(job)s
), started AS (
    UPDATE jobs SET status = 'processing', started_at = coalesce(jobs.started_at, now())
    FROM wanted
    WHERE jobs.job_id = wanted.job_id AND jobs.status = 'pending' AND wanted.is_free
    RETURNING jobs.job_id
), claimed AS (
    UPDATE images SET status = 'processing', lease_token = gen_random_uuid(), lease_until = now() + %(lease)s,
        attempts = images.attempts + 1, worker = %(worker)s, started_at = now(), error_code = NULL,
        error_message = NULL
    FROM wanted
    WHERE images.image_id = wanted.image_id AND wanted.job_status IN ('pending', 'processing')
        AND (images.status = 'pending' OR images.status = 'processing' AND images.lease_until < now())
        AND (SELECT count(*) FROM started) >= 0
    RETURNING images.*
)
SELECT wanted.status AS status_before, wanted.job_status, wanted.lease_until AS lease_before, wanted.tenant_id,
    wanted.recipe, wanted.recipe_digest, wanted.is_free, now() AS asked_at,
    claimed.image_id, claimed.name, claimed.size_bytes, claimed.source_key, claimed.vault_key, claimed.attempts,
    claimed.lease_token, extract(epoch FROM now() - claimed.enqueued_at)::float AS waited_s
FROM wanted LEFT JOIN claimed USING (image_id)
"""

_EXTEND = """
WITH held AS (
    SELECT image_id FROM images
    WHERE lease_token = ANY(%(tokens)s) AND status = 'processing'
    ORDER BY image_id
    FOR UPDATE
)
UPDATE images SET lease_until = now() + %(lease)s
FROM held
WHERE images.image_id = held.image_id
RETURNING images.lease_token
"""

_SETTLE = f"""
WITH job AS (
    SELECT job_id FROM jobs WHERE job_id = %(job)s FOR NO KEY UPDATE
), settled AS (
    UPDATE images SET status = %(status)s, settled_at = now(), lease_token = NULL, lease_until = NULL,
        vault_key = coalesce(%(vault_key)s, images.vault_key), error_code = %(error_code)s,
        error_message = %(error_message)s, verdict = %(verdict)s, evidence = %(evidence)s::text[],
        outputs = %(outputs)s::jsonb, timings = %(timings)s::jsonb
    FROM job
    WHERE images.image_id = %(image)s AND images.job_id = job.job_id
        AND images.status = 'processing' AND images.lease_token = %(token)s
    RETURNING images.job_id
), counted AS (
    SELECT job_id, (%(status)s = 'completed')::int AS completed, (%(status)s = 'failed')::int AS failed FROM settled
)
UPDATE jobs SET {COUNT_SETTLED}
FROM counted
WHERE jobs.job_id = counted.job_id
RETURNING jobs.status, jobs.settled_at IS NOT NULL AS job_settled
"""  # noqa: S608 - a constant of this package

_GIVE_BACK = f"""
WITH job AS (
    SELECT job_id, status,
        CASE status WHEN 'cancelled' THEN %(cancelled)s WHEN 'failed' THEN %(expired)s END AS ended_by
    FROM jobs WHERE job_id = %(job)s FOR NO KEY UPDATE
), returned AS (
    UPDATE images SET lease_token = NULL, lease_until = NULL,
        attempts = images.attempts - %(uncounted)s,
        status = CASE WHEN job.ended_by IS NULL THEN 'pending' ELSE 'failed' END,
        error_code = coalesce(job.ended_by, %(error_code)s),
        error_message = CASE job.ended_by WHEN %(cancelled)s THEN %(cancelled_message)s
            WHEN %(expired)s THEN %(expired_message)s ELSE %(error_message)s END,
        settled_at = CASE WHEN job.ended_by IS NULL THEN NULL ELSE now() END
    FROM job
    WHERE images.image_id = %(image)s AND images.job_id = job.job_id
        AND images.status = 'processing' AND images.lease_token = %(token)s
    RETURNING images.job_id, images.status
), counted AS (
    SELECT job_id, 0 AS completed, 1 AS failed FROM returned WHERE status = 'failed'
), ended AS (
    UPDATE jobs SET {COUNT_SETTLED}
    FROM counted
    WHERE jobs.job_id = counted.job_id
)
SELECT status FROM returned
"""  # noqa: S608 - a constant of this package


def claim(job_id: UUID, image_id: UUID, *, worker: str, lease_s: float) -> Claim | Refusal:
    """Takes an image that waits, or one whose holder's lease is over. One query.

    Args:
        worker: who takes it, for people who read the row.
        lease_s: how long it is held unless extended; the queue's visibility timeout.
    """
    values = {"job": job_id, "image": image_id, "worker": worker[:128], "lease": timedelta(seconds=lease_s)}
    while True:
        found = row(_CLAIM, values)
        if found is None:
            return Refusal(reason=RefusalReason.GONE)
        if found["image_id"] is not None:
            return _claim(job_id, found)
        refusal = _refusal(found)
        if refusal is not None:
            return refusal
        # It was free when the statement began and taken when it came to it: look again at what it has become.


def extend(lease_tokens: Collection[UUID], *, lease_s: float) -> frozenset[UUID]:
    """Prolongs leases to `lease_s` from now; returns those that are still the caller's. One query for all."""
    values = {"tokens": list(lease_tokens), "lease": timedelta(seconds=lease_s)}
    return frozenset(found["lease_token"] for found in rows(_EXTEND, values))


def settle_completed(claim: Claim, outcome: Outcome) -> Settled | LeaseLost:
    """Writes down that all renditions are stored. One query."""
    return _settle(
        claim,
        {
            "status": "completed",
            "vault_key": outcome.vault_key,
            "verdict": outcome.verdict,
            "evidence": list(outcome.evidence),
            "outputs": json.dumps([asdict(output) for output in outcome.outputs]),
            "timings": json.dumps(outcome.timings),
        },
    )


def settle_failed(
    claim: Claim, code: str, message: str, *, verdict: str | None = None, evidence: Collection[str] = ()
) -> Settled | LeaseLost:
    """Writes down that the image failed for good: its reason code and a sentence for the customer. One query."""
    return _settle(
        claim,
        {
            "status": "failed",
            "error_code": code,
            "error_message": message[:MAX_MESSAGE_LENGTH],
            "verdict": verdict,
            "evidence": list(evidence),
        },
    )


def give_back(claim: Claim, *, drained: bool, code: str | None = None, message: str | None = None) -> bool:
    """Lets an image wait for another try; returns whether it was still the caller's to give.

    Args:
        drained: the worker stops, the image is not to blame: the attempt does not count.
        code, message: what went wrong this time, to be seen while the image waits.

    The image of a job that was cancelled or has expired meanwhile fails instead: nobody would take it again.
    """
    values = {
        "job": claim.job_id,
        "image": claim.image_id,
        "token": claim.lease_token,
        "uncounted": int(drained),
        "error_code": code,
        "error_message": None if message is None else message[:MAX_MESSAGE_LENGTH],
        "cancelled": ServiceReason.CANCELLED.value,
        "expired": ServiceReason.EXPIRED.value,
        "cancelled_message": SENTENCES[ServiceReason.CANCELLED],
        "expired_message": SENTENCES[ServiceReason.EXPIRED],
    }
    return row(_GIVE_BACK, values) is not None


def _claim(job_id: UUID, found: dict[str, Any]) -> Claim:
    return Claim(
        job_id=job_id,
        image_id=found["image_id"],
        tenant=found["tenant_id"],
        name=found["name"],
        size_bytes=found["size_bytes"],
        source_key=found["source_key"],
        vault_key=found["vault_key"],
        recipe=json.loads(found["recipe"]),
        recipe_digest=found["recipe_digest"],
        attempts=found["attempts"],
        lease_token=found["lease_token"],
        waited_s=found["waited_s"],
    )


def _refusal(found: dict[str, Any]) -> Refusal | None:
    if found["status_before"] in {"completed", "failed"}:
        return Refusal(reason=RefusalReason.SETTLED)
    if found["job_status"] not in {"pending", "processing"}:
        return Refusal(reason=RefusalReason.CANCELLED)
    if not found["is_free"]:
        lease_until: datetime = found["lease_before"]
        wait_s = (lease_until - found["asked_at"]).total_seconds()
        return Refusal(reason=RefusalReason.BUSY, lease_until=lease_until, retry_after_s=max(wait_s, 0.0))
    return None


def _settle(claim: Claim, values: dict[str, Any]) -> Settled | LeaseLost:
    blank = {"vault_key": None, "error_code": None, "error_message": None, "outputs": "[]", "timings": "{}"}
    ids = {"job": claim.job_id, "image": claim.image_id, "token": claim.lease_token}
    found = row(_SETTLE, {**blank, **ids, **values})
    if found is None:
        return LeaseLost()
    return Settled(job_settled=found["job_settled"], job_status=JobStatus(found["status"]))
