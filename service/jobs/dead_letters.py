"""Messages that were given up: what they were for, what is known of it, and another chance after a fix."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from service.aws.queue import BATCH, Message, Queue
from service.jobs.messages import ArchiveWanted, ImageWanted, Unreadable, Wanted, body_of, parse
from service.jobs.models import Image, Job
from service.jobs.transitions import mark_archive_enqueued, mark_enqueued, redrive_archive, redrive_image

LOOKED_AT_S = 60
"""How long messages stay hidden from others while they are looked at."""
MOST = 1000
_EMPTY_ANSWERS = 2
"""A queue is spread over many servers: one empty answer proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message of the dead-letter queue with the row that it is about, if there is one.

    Attributes:
        reason_code, reason: what the worker wrote on it, or what the row says when SQS itself gave it up.
    """

    message: Message
    wanted: Wanted | Unreadable
    image: Image | None
    job: Job | None

    @property
    def reason_code(self) -> str:
        """Why it was given up: the worker's word, else the row's."""
        row = self.image or self.job
        return self.message.attributes.get("reason_code") or (row and row.error_code) or "unknown"

    @property
    def reason(self) -> str:
        """The same as a sentence."""
        if isinstance(self.wanted, Unreadable):
            return self.wanted.why
        row = self.image or self.job
        return self.message.attributes.get("reason") or (row and row.error_message) or "given up by the queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """What a redrive did. `sent` were sent anew; `stale` had nothing to redo and were deleted; `left` stay."""

    sent: int = 0
    stale: int = 0
    left: int = 0


@contextmanager
def looked_at(queue: Queue, *, most: int = MOST) -> Iterator[list[DeadLetter]]:
    """Up to `most` messages, hidden from others within the block; those that are not deleted return at its end."""
    messages = _received(queue, most)
    try:
        yield _with_rows(messages)
    finally:
        for message in messages:
            queue.give_back(message)


def redrive(
    dead_letters: Queue,
    queue: Queue,
    *,
    chosen: Callable[[DeadLetter], bool],
    lifetime: timedelta,
    most: int = MOST,
) -> Redrive:
    """Gives the images (or archives) of the chosen messages another chance and takes the messages out of the queue.

    Looks at `most` messages.
    The row comes first, then the new message, then the old one's end: an interruption leaves a message too many, which
    is harmless, and never one too few.
    """
    sent = stale = left = 0
    with looked_at(dead_letters, most=most) as letters:
        for letter in filter(chosen, letters):
            if isinstance(letter.wanted, Unreadable):
                left += 1
                continue
            redone = _reopened(letter.wanted, lifetime)
            if redone:
                send(queue, letter.wanted)
            dead_letters.delete(letter.message)
            sent, stale = sent + int(redone), stale + int(not redone)
    return Redrive(sent=sent, stale=stale, left=left)


def redrive_job(queue: Queue, job_id: UUID, *, lifetime: timedelta, codes: Collection[str] = ()) -> int:
    """Gives a job's failed images (of these reason codes) another chance, message or not; returns how many."""
    failed = Image.objects.filter(job_id=job_id, status="failed", uploaded_at__isnull=False).order_by("image_id")
    if codes:
        failed = failed.filter(error_code__in=codes)
    wanted: list[Wanted] = [ImageWanted(job_id, image_id) for image_id in failed.values_list("image_id", flat=True)]
    redone = [each for each in wanted or [ArchiveWanted(job_id)] if _reopened(each, lifetime)]
    for each in redone:
        send(queue, each)
    return len(redone)


def purge(queue: Queue, *, chosen: Callable[[DeadLetter], bool], most: int = MOST) -> int:
    """Deletes the chosen of `most` messages; the rows stay as they are. Returns how many."""
    with looked_at(queue, most=most) as letters:
        return sum(queue.delete(letter.message) for letter in letters if chosen(letter))


def rescue(dead_letters: Queue, queue: Queue) -> int:
    """Sends again what SQS gave up although nothing failed: the row still waits. Returns how many.

    SQS counts receives, not failures: a message that was received by workers that stopped, one after the other, ends
    in the dead-letter queue while its image has had no real attempt.
    """
    rescued = 0
    with looked_at(dead_letters, most=100) as letters:
        for letter in letters:
            if isinstance(letter.wanted, Unreadable) or not _waits(letter):
                continue
            send(queue, letter.wanted)
            dead_letters.delete(letter.message)
            rescued += 1
    return rescued


def send(queue: Queue, wanted: Wanted) -> None:
    """Sends the message of a row that waits, and writes that down."""
    queue.send(body_of(wanted))
    if isinstance(wanted, ImageWanted):
        mark_enqueued([wanted.image_id])
    else:
        mark_archive_enqueued(wanted.job_id)


def _received(queue: Queue, most: int) -> list[Message]:
    messages: dict[str, Message] = {}
    empty = 0
    while len(messages) < most and empty < _EMPTY_ANSWERS:
        answer = queue.receive(most=min(BATCH, most - len(messages)), wait_s=0, hidden_s=LOOKED_AT_S)
        empty = 0 if answer else empty + 1
        messages.update({message.message_id: message for message in answer})
    return sorted(messages.values(), key=lambda message: message.sent_at)


def _with_rows(messages: Sequence[Message]) -> list[DeadLetter]:
    wanted = [parse(message.body) for message in messages]
    image_ids = [each.image_id for each in wanted if isinstance(each, ImageWanted)]
    job_ids = [each.job_id for each in wanted if not isinstance(each, Unreadable)]
    images = Image.objects.in_bulk(image_ids)
    jobs = Job.objects.in_bulk(job_ids)
    return [
        DeadLetter(
            message=message,
            wanted=each,
            image=images.get(each.image_id) if isinstance(each, ImageWanted) else None,
            job=None if isinstance(each, Unreadable) else jobs.get(each.job_id),
        )
        for message, each in zip(messages, wanted, strict=True)
    ]


def _reopened(wanted: Wanted, lifetime: timedelta) -> bool:
    if isinstance(wanted, ArchiveWanted):
        return redrive_archive(wanted.job_id, lifetime=lifetime) is not None
    return redrive_image(wanted.job_id, wanted.image_id, lifetime=lifetime) is not None


def _waits(letter: DeadLetter) -> bool:
    """The row has nothing against being done: it is pending in an open job, and it was sent once."""
    if letter.job is None or letter.job.status not in {"pending", "processing"}:
        return False
    if isinstance(letter.wanted, ArchiveWanted):
        return letter.job.settled_at is not None and letter.job.archive_token is None
    return letter.image is not None and letter.image.status == "pending"
