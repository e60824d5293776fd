"""How a message leaves the worker: done, to be tried again, given up, handed back, buried, or let go.

Each way is a few steps at database and queue, in an order in which a death between two of them loses nothing. A step
that meets an outage is tried again until the message's time is over, or the worker's.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

from service import metrics
from service.aws.queue import Message, Queue
from service.jobs import outbox
from service.jobs.records import Refusal, RefusalReason
from service.logs import logger
from service.worker.hand import Hand, Phase
from service.worker.loop import Lane, Loop
from service.worker.orders import Settlement, attributes_of, reason_of
from service.worker.policy import RetryPolicy
from service.worker.settings import WorkerSettings
from service.worker.tasks import Reply

UNKNOWN_MESSAGE = "unreadable_message"
UNKNOWN_JOB = "unknown_job"
_LONGEST_DELAY_S = 900
"""SQS delays a message for no longer."""

log = logger(__name__)


class Endings:
    """Sees messages to their end. Belongs to the loop's thread."""

    def __init__(
        self,
        *,
        settings: WorkerSettings,
        loop: Loop,
        queue: Queue,
        dead_letters: Queue,
        stop_s: Callable[[], float | None],
        release: Callable[[Hand], None],
        forget: Callable[[Hand], None],
    ) -> None:
        """`stop_s` says when the worker wants to be done, if it does; `release` takes a message from the child or the
        queue for memory that has it; `forget` is told of what is in hand no longer.
        """
        self._settings, self._loop = settings, loop
        self._queue, self._dead_letters = queue, dead_letters
        self._stop_s, self._release, self._forget = stop_s, release, forget
        self._policy = RetryPolicy(
            max_attempts=settings.max_receives, visibility_timeout_s=settings.visibility_timeout_s
        )

    def persist(
        self,
        hand: Hand,
        lane: Lane,
        call: Callable[[], object],
        done: Callable[..., None],
        failed: Callable[[Hand, Exception], None] | None = None,
    ) -> None:
        """A step of one message; `done` gets what it returns, `failed` its error. Without `failed` it is dropped."""

        def give_up(error: Exception) -> None:
            if failed is not None:
                failed(hand, error)
                return
            self.drop(hand, f"{type(error).__name__}: {error}")

        self._loop.persist(lane, call, done, give_up, until_s=lambda: self._latest_s(hand.deadline_s))

    def succeed(self, hand: Hand, reply: Reply) -> None:
        """All is stored: row first, then the message."""
        hand.phase = Phase.FINISHING
        succeed = partial(hand.order.succeed, reply, took_s=hand.took_s)
        self.persist(hand, Lane.DATABASE, succeed, partial(self._settled, hand))

    def fail(self, hand: Hand, code: str, stage: str, message: str) -> None:
        """An attempt has failed: try again later, or give up."""
        order = hand.order
        hand.phase = Phase.FINISHING
        wait_s = self._policy.wait_s(code, attempts=order.attempts)
        log.warning(
            "attempt_failed", reason=str(code), stage=str(stage), error=message, attempt=order.attempts,
            retry_after_s=wait_s, **order.ids,
        )  # fmt: skip
        if wait_s is None:
            self.give_up(hand, code, message)
        else:
            self._try_again(hand, code, message, after_s=wait_s, drained=False)

    def wait_out(self, hand: Hand, code: str, stage: str, message: str) -> None:
        """An attempt has met an outage: try again later, and do not count it."""
        order = hand.order
        hand.phase = Phase.FINISHING
        wait_s = self._policy.outage_wait_s(order.waited_s)
        log.warning(
            "outage_met", reason=str(code), stage=str(stage), error=message, retry_after_s=wait_s, **order.ids
        )  # fmt: skip
        self._try_again(hand, code, message, after_s=wait_s, drained=True)

    def give_up(self, hand: Hand, code: str, message: str) -> None:
        """Dead letter first: a worker that dies in between leaves one too many, which redriving forgives, not none."""
        hand.phase = Phase.FINISHING
        order = hand.order
        attributes = attributes_of(reason_of(order, str(code)), message)
        send = partial(self._dead_letters.send, order.message.body, attributes=attributes)
        fail = partial(order.fail, str(code), message, took_s=hand.took_s)
        self.persist(
            hand,
            Lane.QUEUE,
            send,
            lambda _: self.persist(hand, Lane.DATABASE, fail, partial(self._settled, hand)),
        )

    def hand_back(self, hand: Hand) -> None:
        """Return a message at once, and its attempt: the worker stops, the image is not to blame."""
        self._release(hand)
        hand.phase = Phase.LEFT
        give_back = partial(hand.order.give_back, drained=True)
        self.persist(hand, Lane.DATABASE, give_back, lambda _: self._return(hand, after_s=0))

    def refuse(self, hand: Hand, refusal: Refusal) -> None:
        """There is no lease for it: another worker has it, or there is nothing to do any more."""
        order = hand.order
        log.info("message_refused", reason=refusal.reason.value, receives=order.message.receives, **order.ids)
        hand.settled = True
        if refusal.reason is RefusalReason.BUSY:
            wait_s = min(int(refusal.retry_after_s) + 1, self._settings.visibility_timeout_s)
            self._return(hand, after_s=wait_s)
        elif refusal.reason is RefusalReason.GONE:
            hand.phase = Phase.FINISHING
            self._forget(hand)
            self.bury(order.message, UNKNOWN_JOB, "there is no such job or image")
        else:
            self._delete(hand)

    def bury(self, message: Message, code: str, why: str) -> None:
        """Send a message that names no work of ours to the dead letters, and delete it."""

        def bury() -> None:
            self._dead_letters.send(message.body, attributes=attributes_of(code, why))
            self._queue.delete(message)

        def failed(error: Exception) -> None:
            log.warning("message_not_buried", message_id=message.message_id, error=str(error))

        until_s = time.monotonic() + self._settings.visibility_timeout_s
        self._loop.persist(Lane.QUEUE, bury, lambda _: None, failed, until_s=lambda: until_s)

    def drop(self, hand: Hand, why: str) -> None:
        """Let go of a message without touching it: it comes back by itself when its visibility ends.

        In an outage nothing else can be done; with a lost lease nothing else may be.
        """
        log.warning("dropped", why=why, phase=hand.phase.name.lower(), **hand.order.ids)
        if hand.phase is Phase.WAITING:
            # No child has had it: it is not to blame, and another worker may have room at once.
            self.hand_back(hand)
            return
        self._release(hand)
        self._forget(hand)

    def _settled(self, hand: Hand, settlement: Settlement) -> None:
        if settlement is Settlement.LOST:
            self.drop(hand, "the lease was lost, the result is discarded")
            return
        hand.settled = True
        if settlement is Settlement.ARCHIVE_DUE:
            self._send_archive(hand.order.job_id)
        self._delete(hand)

    def _send_archive(self, job_id: UUID) -> None:
        def failed(error: Exception) -> None:
            log.warning("archive_not_sent", job=str(job_id), error=str(error), then="the sweeper sends it")

        self._loop.persist(
            Lane.DATABASE,
            partial(outbox.send_archive, self._queue, job_id),
            lambda _: None,
            failed,
            until_s=lambda: self._latest_s(math.inf),
        )

    def _try_again(self, hand: Hand, code: str, message: str, *, after_s: int, drained: bool) -> None:
        order = hand.order
        metrics.image_retried(reason=str(code), attempt=order.attempts, **order.ids)
        give_back = partial(order.give_back, drained=drained, code=str(code), message=message)
        self.persist(hand, Lane.DATABASE, give_back, lambda _: self._return(hand, after_s=after_s))

    def _return(self, hand: Hand, *, after_s: int) -> None:
        """Let the queue deliver the message again."""
        hand.phase = Phase.LEFT
        message = hand.order.message

        def give_back() -> None:
            if message.receives >= self._settings.max_receives:
                # The queue would not deliver this one again but move it to the dead letters: a fresh one takes over.
                self._queue.send(message.body, after_s=min(after_s, _LONGEST_DELAY_S))
                self._queue.delete(message)
            else:
                self._queue.give_back(message, after_s=after_s)

        self.persist(hand, Lane.QUEUE, give_back, lambda _: self._forget(hand))

    def _delete(self, hand: Hand) -> None:
        hand.phase = Phase.FINISHING
        delete = partial(self._queue.delete, hand.order.message)
        self.persist(hand, Lane.QUEUE, delete, lambda _: self._forget(hand))

    def _latest_s(self, latest_s: float) -> float:
        stop_s = self._stop_s()
        return latest_s if stop_s is None else min(latest_s, stop_s + self._settings.stop_margin_s)
