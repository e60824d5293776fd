"""The net beneath everything: mends what a task that died, or a service that did not answer, has left half done.

Every step is idempotent, works in small batches, and may run in several sweepers at once. A step that fails is
reported and does not keep the others from their work.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import close_old_connections, connection, transaction

from service import metrics, runtime
from service.aws.clients import Clients
from service.aws.errors import AwsError
from service.aws.queue import Queue
from service.aws.storage import Bucket
from service.config import Config
from service.jobs import dead_letters, outbox
from service.jobs.sql import rows
from service.jobs.transitions import expire, release_lost, release_lost_archives
from service.logs import logger

SEND_GRACE = timedelta(seconds=30)
"""Whoever writes a row sends the message right after; only what is older than this was forgotten."""
IDEMPOTENCY_MEMORY = timedelta(days=7)
BATCH = 200
MOST_BATCHES = 200
"""A step that still finds work after so many batches goes on at the next sweep."""

_log = logger(__name__)

_ORPHAN_UPLOADS = """
SELECT image_id, source_key, upload_id FROM images
WHERE status = 'failed' AND upload_id IS NOT NULL AND uploaded_at IS NULL
ORDER BY image_id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""

_UPLOADS_ABORTED = "UPDATE images SET upload_id = NULL WHERE image_id = ANY(%(images)s)"

_FORGET_KEYS = """
WITH old AS (
    SELECT id FROM idempotency_keys WHERE created_at < now() - %(memory)s
    ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency_keys USING old WHERE idempotency_keys.id = old.id RETURNING old.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What one pass did, by step; `failed` names the steps that could not be done."""

    mended: Mapping[str, int]
    failed: tuple[str, ...]


class Sweeper:
    """Sweeps with the queues and buckets of one environment. `retention`: how long the job queue keeps a message."""

    def __init__(self, config: Config, clients: Clients, *, retention: timedelta) -> None:
        self._queue = Queue(clients.sqs, config.queue_url)
        self._dead_letters = Queue(clients.sqs, config.dead_letter_queue_url)
        self._uploads = Bucket(clients.s3, config.uploads_bucket)
        self._max_attempts = config.max_receives
        self._grace_s = float(config.visibility_timeout_s)
        self._retention = retention

    def sweep(self) -> Sweep:
        """One pass over all steps. Those that make messages due come before those that send them."""
        due = {"grace": SEND_GRACE, "retention": self._retention}
        steps: dict[str, Callable[[], int]] = {
            "lost_images_failed_or_released": self._release_lost,
            "lost_archives_failed_or_released": self._release_lost_archives,
            "expired_jobs": lambda: expire(limit=BATCH),
            "dead_letters_rescued": lambda: dead_letters.rescue(self._dead_letters, self._queue),
            "images_sent": lambda: _batches(lambda: outbox.send_unsent_images(self._queue, **due)),
            "archives_sent": lambda: _batches(lambda: outbox.send_unsent_archives(self._queue, **due)),
            "orphan_uploads_aborted": lambda: _batches(self._abort_orphan_uploads),
            "idempotency_keys_forgotten": lambda: _batches(forget_idempotency_keys),
        }
        mended: dict[str, int] = {}
        failed: list[str] = []
        for name, step in steps.items():
            try:
                mended[name] = step()
            except Exception:  # noqa: BLE001 - one step's trouble must not stop the others
                _log.exception("sweep_step_failed", step=name)
                failed.append(name)
                close_old_connections()
        return Sweep(mended=mended, failed=tuple(failed))

    def _release_lost(self) -> int:
        # A lease ends with the visibility of the message: another worker has had as long again to take it.
        found = release_lost(max_attempts=self._max_attempts, grace_s=self._grace_s, limit=BATCH)
        if found.failed:
            metrics.emit(
                "images_lost",
                {metrics.IMAGES_FAILED: found.failed},
                dimensions={"Reason": "worker_lost"},
                released=found.waiting,
            )
        return found.failed + found.waiting

    def _release_lost_archives(self) -> int:
        found = release_lost_archives(max_attempts=self._max_attempts, grace_s=self._grace_s)
        return found.failed + found.waiting

    def _abort_orphan_uploads(self) -> int:
        with transaction.atomic():
            orphans = rows(_ORPHAN_UPLOADS, {"limit": BATCH})
            aborted = [orphan["image_id"] for orphan in orphans if self._aborted(orphan)]
            rows(_UPLOADS_ABORTED, {"images": aborted})
        return len(aborted)

    def _aborted(self, orphan: Mapping[str, str]) -> bool:
        try:
            self._uploads.abort_upload(orphan["source_key"], orphan["upload_id"])
        except AwsError as error:
            _log.warning("orphan_upload_stays", image=orphan["image_id"], error=str(error))
            return False
        return True


def forget_idempotency_keys() -> int:
    """Deletes one batch of keys that nobody will repeat any more."""
    return len(rows(_FORGET_KEYS, {"memory": IDEMPOTENCY_MEMORY, "limit": BATCH}))


def run(*, every_s: float | None) -> int:
    """Sweeps once, or every `every_s` seconds until SIGTERM; the exit code is 1 when a step failed in the last pass."""
    config = runtime.maintenance_config()
    retention = timedelta(days=config.message_retention_days)
    sweeper = Sweeper(config, Clients(region=config.region), retention=retention)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while True:
        began = time.monotonic()
        done = sweeper.sweep()
        _report(done, took_s=time.monotonic() - began)
        if every_s is None or stop.wait(every_s):
            connection.close()
            return 1 if done.failed else 0
        close_old_connections()


def _batches(step: Callable[[], int]) -> int:
    total = 0
    for _ in range(MOST_BATCHES):
        done = step()
        if done == 0:
            break
        total += done
    return total


def _report(done: Sweep, *, took_s: float) -> None:
    for name, count in done.mended.items():
        if count:
            metrics.swept(name, count)
    _log.info("swept_all", took_s=round(took_s, 3), failed=list(done.failed), **done.mended)
