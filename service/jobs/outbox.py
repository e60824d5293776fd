"""Messages that must exist because a row says so: the row is written first, the message follows, at least once.

A row and a message cannot be written atomically. So the row is the truth; whoever writes it sends the message right
after, and whatever was lost in between (a task that died, a queue that did not answer) is found here by its row and
sent again. Two messages for one image are harmless: the second one is refused by `transitions.claim`.

The rows are locked while their messages are sent, and rows that another sweeper has locked are skipped: several may
run at once and still send each message once.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from service.aws.queue import Queue
from service.jobs.messages import ArchiveWanted, ImageWanted, body_of
from service.jobs.sql import rows
from service.jobs.transitions import mark_archive_enqueued, mark_enqueued

BATCH = 100
"""Rows are locked while their messages are sent: no more than take a moment."""

# Each condition has a partial index of its own, which holds only what waits and gives the oldest first.
_NEVER_SENT = """
SELECT job_id, image_id FROM images
WHERE status = 'pending' AND enqueued_at IS NULL AND uploaded_at < now() - %(older)s
ORDER BY uploaded_at
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""

_SENT_LONG_AGO = """
SELECT job_id, image_id FROM images
WHERE status = 'pending' AND enqueued_at < now() - %(older)s
ORDER BY enqueued_at
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""

_SENT_AGAIN = """
UPDATE images SET enqueued_at = now() WHERE image_id = ANY(%(images)s)
"""

_UNSENT_ARCHIVES = """
SELECT job_id FROM jobs
WHERE status = 'processing' AND settled_at IS NOT NULL AND archive_token IS NULL AND (
    archive_enqueued_at IS NULL AND settled_at < now() - %(grace)s
    OR archive_enqueued_at < now() - %(retention)s
)
ORDER BY job_id
LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""

_ARCHIVES_SENT = "UPDATE jobs SET archive_enqueued_at = now() WHERE job_id = ANY(%(jobs)s)"


_RELEASE_IMAGES = """
WITH leased AS (
    SELECT image_id FROM images
    WHERE status = 'processing' AND (%(job)s::uuid IS NULL OR job_id = %(job)s)
    ORDER BY image_id
    FOR UPDATE
)
UPDATE images SET status = 'pending', lease_token = NULL, lease_until = NULL, enqueued_at = now()
FROM leased WHERE images.image_id = leased.image_id
"""

_RELEASE_ARCHIVES = """
WITH leased AS (
    SELECT job_id FROM jobs
    WHERE archive_token IS NOT NULL AND (%(job)s::uuid IS NULL OR job_id = %(job)s)
    ORDER BY job_id
    FOR NO KEY UPDATE
)
UPDATE jobs SET archive_token = NULL, archive_lease_until = NULL, archive_enqueued_at = now()
FROM leased WHERE jobs.job_id = leased.job_id
"""

_FORGET_IMAGES = """
WITH waiting AS (
    SELECT image_id FROM images
    WHERE status = 'pending' AND enqueued_at IS NOT NULL AND (%(job)s::uuid IS NULL OR job_id = %(job)s)
    ORDER BY image_id
    FOR UPDATE
)
UPDATE images SET enqueued_at = NULL FROM waiting WHERE images.image_id = waiting.image_id RETURNING images.image_id
"""

_FORGET_ARCHIVES = """
WITH waiting AS (
    SELECT job_id FROM jobs
    WHERE status = 'processing' AND settled_at IS NOT NULL AND archive_token IS NULL
        AND archive_enqueued_at IS NOT NULL AND (%(job)s::uuid IS NULL OR job_id = %(job)s)
    ORDER BY job_id
    FOR NO KEY UPDATE
)
UPDATE jobs SET archive_enqueued_at = NULL FROM waiting WHERE jobs.job_id = waiting.job_id RETURNING jobs.job_id
"""


def send_images(queue: Queue, job_id: UUID, image_ids: Sequence[UUID]) -> int:
    """Sends the messages of images that were just uploaded; returns how many were sent. The sweeper does the rest.

    Raises:
        service.aws.errors.AwsError: nothing at all could be sent.
    """
    sent = queue.send_many([body_of(ImageWanted(job_id, image_id)) for image_id in image_ids])
    mark_enqueued([image_ids[position] for position in sent])
    return len(sent)


def send_archive(queue: Queue, job_id: UUID) -> None:
    """Sends the archive message of a job whose last image has just settled.

    Raises:
        service.aws.errors.AwsError: it could not be sent; the sweeper will.
    """
    queue.send(body_of(ArchiveWanted(job_id)))
    mark_archive_enqueued(job_id)


def send_unsent_images(queue: Queue, *, grace: timedelta, retention: timedelta) -> int:
    """Sends one batch of messages that images lack; returns how many. 0: none is left that another is not sending.

    Args:
        grace: how long whoever confirmed the upload has to send the message.
        retention: how long the queue keeps a message: one that was sent longer ago is not there any more.
    """
    return _send(queue, _NEVER_SENT, older=grace) or _send(queue, _SENT_LONG_AGO, older=retention)


def send_unsent_archives(queue: Queue, *, grace: timedelta, retention: timedelta) -> int:
    """The same for archives of settled jobs."""
    with transaction.atomic():
        unsent = rows(_UNSENT_ARCHIVES, {"grace": grace, "retention": retention, "limit": BATCH})
        if not unsent:
            return 0
        sent = queue.send_many([body_of(ArchiveWanted(job["job_id"])) for job in unsent])
        rows(_ARCHIVES_SENT, {"jobs": [unsent[position]["job_id"] for position in sent]})
    return len(sent)


def forget_sent(job_id: UUID | None = None, *, leases: bool = False) -> tuple[int, int]:
    """Forgets that messages were sent, of one job or of all, so that the sweeper sends them anew.

    For when rows and queue do not agree any more: one of them was restored, or the queue was purged.

    Args:
        job_id: of this job alone.
        leases: also what the rows say is in work. After a restore nobody has it; a worker that has it all the same
            loses its lease, and its result is made once more.

    Returns:
        how many images and archives now wait for the sweeper.
    """
    with transaction.atomic():
        values = {"job": job_id}
        if leases:
            rows(_RELEASE_ARCHIVES, values)
            rows(_RELEASE_IMAGES, values)
        return len(rows(_FORGET_IMAGES, values)), len(rows(_FORGET_ARCHIVES, values))


def _send(queue: Queue, unsent: str, *, older: timedelta) -> int:
    with transaction.atomic():
        found = rows(unsent, {"older": older, "limit": BATCH})
        if not found:
            return 0
        sent = queue.send_many([body_of(ImageWanted(image["job_id"], image["image_id"])) for image in found])
        rows(_SENT_AGAIN, {"images": [found[position]["image_id"] for position in sent]})
    return len(sent)
