"""What an operator wants to know at a glance: the queue, the workers, what fails and why. A handful of statements."""

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.api.resources import resources
from service.aws.errors import AwsError
from service.aws.queue import Depth
from service.console import words
from service.jobs.sql import row, rows
from service.logs import logger

_log = logger(__name__)
MOST_WORKERS = 200

_WORKERS = """
SELECT worker, sum(in_work)::int AS in_work, sum(settled)::int AS settled, max(seen_at) AS seen_at
FROM (
    SELECT worker, 1 AS in_work, 0 AS settled, now() AS seen_at FROM images
    WHERE status = 'processing' AND lease_until > now()
    UNION ALL
    SELECT worker, 0, 1, settled_at FROM images WHERE settled_at > now() - interval '15 minutes'
) AS seen
WHERE worker IS NOT NULL
GROUP BY worker
ORDER BY in_work DESC, seen_at DESC
LIMIT %(most)s
"""

_FAILURES = """
SELECT error_code AS code, count(*) AS images, count(DISTINCT job_id) AS jobs, max(settled_at) AS last_at
FROM images WHERE settled_at > now() - interval '24 hours' AND status = 'failed'
GROUP BY error_code ORDER BY images DESC
"""

_SUMS = """
SELECT
    (SELECT count(*) FROM jobs WHERE status = 'pending') AS jobs_waiting,
    (SELECT count(*) FROM jobs WHERE status = 'processing') AS jobs_in_work,
    (SELECT min(enqueued_at) FROM images WHERE status = 'pending' AND enqueued_at IS NOT NULL) AS oldest_sent,
    (SELECT count(*) FROM images WHERE settled_at > now() - interval '1 hour' AND status = 'completed') AS done,
    (SELECT count(*) FROM images WHERE settled_at > now() - interval '1 hour' AND status = 'failed') AS failed
"""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that has images in work, or had some in the last quarter of an hour."""

    name: str
    in_work: int
    settled: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """Images that failed for one reason within a day. `share_percent` is of all failures."""

    code: str
    what: words.Words
    images: int
    jobs: int
    last_at: datetime
    share_percent: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything of the page.

    Attributes:
        queue, dead_letters: None while SQS does not answer.
        sums: jobs_waiting, jobs_in_work, oldest_sent (time or None), and done and failed images of the last hour.
    """

    queue: Depth | None
    dead_letters: Depth | None
    workers: list[Worker]
    failures: list[Failure]
    sums: dict[str, Any]


def look() -> Fleet:
    """How things are now."""
    parts = resources()
    asked = [parts.pool.submit(queue.depth) for queue in (parts.queue, parts.dead_letters)]
    workers = [
        Worker(each["worker"], each["in_work"], each["settled"], each["seen_at"])
        for each in rows(_WORKERS, {"most": MOST_WORKERS})
    ]
    failed = rows(_FAILURES, {})
    total = sum(each["images"] for each in failed)
    failures = [
        Failure(
            code=each["code"],
            what=words.reason_of(each["code"]).what,
            images=each["images"],
            jobs=each["jobs"],
            last_at=each["last_at"],
            share_percent=100 * each["images"] / total,
        )
        for each in failed
    ]
    queue, dead_letters = map(_answered, asked)
    return Fleet(queue, dead_letters, workers, failures, row(_SUMS, {}) or {})


def _answered(depth: "Future[Depth]") -> Depth | None:
    try:
        return depth.result()
    except AwsError as error:
        _log.warning("queue_not_seen", reason=str(error))
        return None
