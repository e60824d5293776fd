"""The supervisor: takes messages while slots are free, sees each through to its row and its end, and stops in time.

All state belongs to the loop's thread. What talks to the queue or the database runs on a lane and comes back as an
event; what is in hand while the other side is away stays in hand, is tried again after growing pauses, and fills the
places that new messages would need, so that an outage stops the worker without losing anything.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from processor.batch.admission import Admission
from processor.batch.blame import has_no_room
from processor.batch.deaths import classify, timed_out
from processor.batch.records import in_mib
from processor.batch.slot import Delivered, NeverBegan, Slot, SlotEvent, TimedOut
from processor.errors import ReasonCode, RecipeError, Stage
from service import metrics
from service.aws.queue import Message, Queue
from service.jobs import outbox
from service.jobs.messages import Unreadable, parse
from service.jobs.reasons import ServiceReason
from service.jobs.records import Refusal, RefusalReason
from service.logs import logger
from service.worker.hand import Hand, Pace, Phase
from service.worker.keeper import Keeper
from service.worker.loop import Lane, Loop
from service.worker.orders import ImageOrder, Settlement, attributes_of, order_for, reason_of
from service.worker.policy import RetryPolicy
from service.worker.protection import Protection
from service.worker.receiver import Receiver
from service.worker.scratch import Scratch
from service.worker.settings import WorkerSettings
from service.worker.tasks import ArchiveMade, ArchiveTask, Failure, ImageMade, ImageTask, NeedsMore, Reply

Places = Sequence[Slot[ImageTask | ArchiveTask, Reply]]

UNKNOWN_MESSAGE = "unreadable_message"
UNKNOWN_JOB = "unknown_job"
_TICK_S = 0.25
_GRACE_S = 30.0
"""After the time limit, for what follows a child: a kill, a row, a message."""
_FALSE_STARTS = 20
"""So many children in a row that never began, and the worker gives up: another container may do better."""

log = logger(__name__)


class Supervisor:
    """One worker. Make it, hand it its slots, and `turn` until `done`."""

    def __init__(
        self,
        *,
        settings: WorkerSettings,
        loop: Loop,
        queue: Queue,
        dead_letters: Queue,
        scratch: Scratch,
        protection: Protection,
    ) -> None:
        self.settings, self.loop = settings, loop
        self._queue, self._dead_letters = queue, dead_letters
        self._scratch, self._protection = scratch, protection
        self._policy = RetryPolicy(
            max_attempts=settings.max_receives, visibility_timeout_s=settings.visibility_timeout_s
        )
        self._slots: Places = ()
        self._admission: Admission[Hand] = Admission(settings.memory_bytes, settings.processes)
        self._hands: list[Hand] = []
        self._running: dict[int, Hand] = {}
        self._pace = Pace()
        self._tokens = 0
        self._false_starts = 0
        self._receiver = Receiver(loop, queue, wait_s=settings.poll_wait_s, take=self._take)
        self._keeper = Keeper(
            loop,
            queue,
            visibility_timeout_s=settings.visibility_timeout_s,
            hands=lambda: self._hands,
            drop=self._drop,
        )
        self._signals = 0
        self._stop_s: float | None = None
        self._next_check_s = 0.0
        self.exit_code = 0

    def begin(self, slots: Places) -> None:
        """Start to work with these slots."""
        self._slots = slots
        self._keeper.begin()

    def turn(self) -> None:
        """One turn of the loop: take what there is room for, serve events, look after the slots."""
        self._receive()
        self.loop.turn(_TICK_S)
        now_s = time.monotonic()
        if now_s >= self._next_check_s:
            self._next_check_s = now_s + _TICK_S
            for slot in self._slots:
                slot.check()
        if self._stop_s is not None and now_s > self._stop_s:
            self._leave_all("the time to stop is over")
        self._protection.want(bool(self._hands) or self._receiver.empty_since_s is None)

    @property
    def done(self) -> bool:
        """Whether the worker may exit."""
        if self._stop_s is None:
            return self._has_run_dry()
        if time.monotonic() > self._stop_s + self.settings.stop_margin_s:
            return True
        return not self._hands and (not self._receiver.polling or self._signals > 1)

    def slot_ended(self, event: SlotEvent) -> None:
        """An attempt has ended. In the loop's thread."""
        slot = self._slots[event.slot]
        if slot.task is not None and slot.task.token == event.token:
            self._take_back(slot)

    def stop(self, *, exit_code: int = 0) -> None:
        """SIGTERM or SIGINT: take nothing new, finish what can be finished in time; the second time nothing at all."""
        self._signals += 1
        self.exit_code = max(self.exit_code, exit_code)
        now_s = time.monotonic()
        if self._stop_s is None:
            self._stop_s = now_s + self.settings.stop_timeout_s - 2 * self.settings.stop_margin_s
        else:
            self._stop_s = min(self._stop_s, now_s)
        log.info("stopping", in_hand=len(self._hands), signals=self._signals, seconds=round(self._stop_s - now_s, 1))
        for hand in list(self._hands):
            if hand.phase is Phase.WAITING:
                self._hand_back(hand)
            elif hand.phase is Phase.RUNNING:
                left_s = self._pace.left_s(now_s - hand.started_s)
                archive = not isinstance(hand.order, ImageOrder)
                if self._signals > 1 or archive or now_s + left_s > self._stop_s:
                    self._hand_back(hand)

    def _leave_all(self, why: str) -> None:
        for hand in list(self._hands):
            if hand.phase in {Phase.WAITING, Phase.RUNNING}:
                log.warning("handed_back", why=why, **hand.order.ids)
                self._hand_back(hand)

    def _has_run_dry(self) -> bool:
        return (
            self.settings.until_empty
            and not self._hands
            and not self._receiver.polling
            and self._receiver.empty_since_s is not None
            and time.monotonic() - self._receiver.empty_since_s >= self.settings.empty_s
        )

    def _receive(self) -> None:
        busy = sum(hand.phase not in {Phase.FINISHING, Phase.LEFT} for hand in self._hands)
        places = self.settings.processes
        # Rows and messages of finished images may lag behind the slots by one round, not without end.
        free = min(places - busy, 2 * places - len(self._hands))
        if self._stop_s is None and free > 0 and not self._has_run_dry():
            self._receiver.poll(free)

    def _take(self, message: Message) -> None:
        wanted = parse(message.body)
        if isinstance(wanted, Unreadable):
            log.error("message_unreadable", message_id=message.message_id, error=wanted.why, body=message.body[:200])
            self._bury(message, UNKNOWN_MESSAGE, wanted.why)
            return
        order = order_for(message, wanted, time_limit_s=self.settings.time_limit_s)
        hand = Hand(order=order, deadline_s=time.monotonic() + order.time_limit_s)
        self._hands.append(hand)
        claim = partial(order.claim, worker=self.settings.name, lease_s=self.settings.visibility_timeout_s)
        self._persist(hand, Lane.DATABASE, claim, partial(self._claimed, hand))

    def _claimed(self, hand: Hand, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._refused(hand, refusal)
        elif self._stop_s is not None:
            self._hand_back(hand)
        elif hand.order.attempts > self.settings.max_receives:
            message = f"every worker that took it was lost, {hand.order.attempts - 1} times"
            self._give_up(hand, ServiceReason.WORKER_LOST, message)
        else:
            prepare = partial(hand.order.prepare, self._scratch)
            self._persist(hand, Lane.DATABASE, prepare, partial(self._prepared, hand), self._not_prepared)

    def _refused(self, hand: Hand, refusal: Refusal) -> None:
        order = hand.order
        log.info("message_refused", reason=refusal.reason.value, receives=order.message.receives, **order.ids)
        hand.settled = True
        if refusal.reason is RefusalReason.BUSY:
            wait_s = min(int(refusal.retry_after_s) + 1, self.settings.visibility_timeout_s)
            self._return(hand, after_s=wait_s)
        elif refusal.reason is RefusalReason.GONE:
            hand.phase = Phase.FINISHING
            self._forget(hand)
            self._bury(order.message, UNKNOWN_JOB, "there is no such job or image")
        else:
            self._delete(hand)

    def _prepared(self, hand: Hand, _none: None) -> None:
        if self._stop_s is not None:
            self._hand_back(hand)
            return
        hand.phase = Phase.WAITING
        self._admission.add(hand)
        self._start()

    def _not_prepared(self, hand: Hand, error: Exception) -> None:
        if isinstance(error, OSError):
            message = f"the worker's scratch folder cannot be written: {error.strerror or error}"
            failed = self._met_outage if has_no_room(error) else self._failed
            failed(hand, ReasonCode.STORE_FAILED, Stage.READ, message)
        elif isinstance(error, RecipeError):
            self._failed(hand, ReasonCode.FILTER_FAILED, Stage.WATERMARK, str(error))
        else:
            self._drop(hand, f"{type(error).__name__}: {error}")

    def _start(self) -> None:
        for slot in self._slots:
            if slot.busy:
                continue
            hand = self._admission.take()
            if hand is None:
                return
            self._tokens += 1
            hand.phase, hand.started_s = Phase.RUNNING, time.monotonic()
            hand.deadline_s = hand.started_s + hand.order.time_limit_s + _GRACE_S
            self._running[slot.number] = hand
            task = hand.order.task(token=self._tokens, grant_bytes=hand.grant_bytes)
            slot.submit(task, timeout_s=hand.order.time_limit_s)

    def _take_back(self, slot: Slot[ImageTask | ArchiveTask, Reply]) -> None:
        token = slot.task.token if slot.task else 0
        row, log_tail = slot.row(), slot.log_tail
        ending = slot.collect()
        hand = self._running.pop(slot.number)
        self._admission.give_back(hand)
        if not isinstance(ending, NeverBegan):
            self._false_starts = 0
        if hand.phase is Phase.LEFT:
            self._clean(hand)
        elif isinstance(ending, Delivered):
            self._delivered(hand, ending.outcome)
        elif isinstance(ending, NeverBegan):
            self._never_began(hand, ending.why)
        else:
            stage = row.stage if row.token == token else Stage.READ
            if isinstance(ending, TimedOut):
                death = timed_out(stage, hand.order.time_limit_s)
            else:
                death = classify(ending.exit_code, stage, log_tail())
            self._failed(hand, death.reason, stage, death.message)
        self._start()

    def _delivered(self, hand: Hand, reply: Reply) -> None:
        match reply.result:
            case NeedsMore(needed_bytes=needed_bytes):
                self._wants_memory(hand, needed_bytes)
            case Failure(is_outage=True, code=code, stage=stage, message=message):
                self._met_outage(hand, code, stage, message)
            case Failure(code=code, stage=stage, message=message):
                self._failed(hand, code, stage, message)
            case ImageMade() | ArchiveMade():
                self._receiver.go_on()
                if isinstance(hand.order, ImageOrder):
                    self._pace.note(reply.seconds)
                hand.phase = Phase.FINISHING
                succeed = partial(hand.order.succeed, reply, took_s=hand.took_s)
                self._persist(hand, Lane.DATABASE, succeed, partial(self._settled, hand))

    def _wants_memory(self, hand: Hand, needed_bytes: int) -> None:
        budget_bytes = self.settings.memory_bytes
        if needed_bytes > budget_bytes or needed_bytes <= hand.needed_bytes:
            message = (
                f"needs about {in_mib(needed_bytes)} of memory and all children of this worker together may use "
                f"{in_mib(budget_bytes)}; choose a cheaper tier, or have workers with more memory"
            )
            self._failed(hand, ReasonCode.OUT_OF_MEMORY, Stage.READ, message)
            return
        hand.needed_bytes = needed_bytes
        self._wait_again(hand)

    def _never_began(self, hand: Hand, why: str) -> None:
        self._false_starts += 1
        if self._false_starts >= _FALSE_STARTS:
            log.error("no_child_can_start", error=why)
            self._signals += 1
            self.stop(exit_code=1)
            self._hand_back(hand)
        else:
            self._wait_again(hand)

    def _wait_again(self, hand: Hand) -> None:
        if self._stop_s is not None:
            self._hand_back(hand)
            return
        hand.phase = Phase.WAITING
        self._admission.add(hand)

    def _settled(self, hand: Hand, settlement: Settlement) -> None:
        if settlement is Settlement.LOST:
            self._drop(hand, "the lease was lost, the result is discarded")
            return
        hand.settled = True
        if settlement is Settlement.ARCHIVE_DUE:
            self._send_archive(hand.order.job_id)
        self._delete(hand)

    def _send_archive(self, job_id: UUID) -> None:
        def failed(error: Exception) -> None:
            log.warning("archive_not_sent", job=str(job_id), error=str(error), then="the sweeper sends it")

        self.loop.persist(
            Lane.DATABASE,
            partial(outbox.send_archive, self._queue, job_id),
            lambda _: None,
            failed,
            until_s=self._latest_s,
        )

    def _failed(self, hand: Hand, code: str, stage: str, message: str) -> None:
        order = hand.order
        hand.phase = Phase.FINISHING
        wait_s = self._policy.wait_s(code, attempts=order.attempts)
        log.warning(
            "attempt_failed", reason=str(code), stage=str(stage), error=message, attempt=order.attempts,
            retry_after_s=wait_s, **order.ids,
        )  # fmt: skip
        if wait_s is None:
            self._give_up(hand, code, message)
            return
        metrics.image_retried(reason=str(code), attempt=order.attempts, **order.ids)
        give_back = partial(order.give_back, drained=False, code=str(code), message=message)
        self._persist(hand, Lane.DATABASE, give_back, lambda _: self._return(hand, after_s=wait_s))

    def _met_outage(self, hand: Hand, code: str, stage: str, message: str) -> None:
        """The image waits and its try does not count; the worker rests, lest it draw every image into the outage."""
        order = hand.order
        hand.phase = Phase.FINISHING
        wait_s = self._policy.outage_wait_s(order.waited_s)
        log.warning(
            "outage_met", reason=str(code), stage=str(stage), error=message, retry_after_s=wait_s, **order.ids
        )  # fmt: skip
        metrics.image_retried(reason=str(code), attempt=order.attempts, **order.ids)
        self._receiver.rest()
        give_back = partial(order.give_back, drained=True, code=str(code), message=message)
        self._persist(hand, Lane.DATABASE, give_back, lambda _: self._return(hand, after_s=wait_s))

    def _give_up(self, hand: Hand, code: str, message: str) -> None:
        """Dead letter first: a worker that dies in between leaves one too many, which redriving forgives, not none."""
        hand.phase = Phase.FINISHING
        order = hand.order
        attributes = attributes_of(reason_of(order, str(code)), message)
        send = partial(self._dead_letters.send, order.message.body, attributes=attributes)
        fail = partial(order.fail, str(code), message, took_s=hand.took_s)
        self._persist(
            hand,
            Lane.QUEUE,
            send,
            lambda _: self._persist(hand, Lane.DATABASE, fail, partial(self._settled, hand)),
        )

    def _hand_back(self, hand: Hand) -> None:
        """Return a message at once, and its attempt: the worker stops, the image is not to blame."""
        self._kill(hand)
        self._admission.remove(hand)
        hand.phase = Phase.LEFT
        give_back = partial(hand.order.give_back, drained=True)
        self._persist(hand, Lane.DATABASE, give_back, lambda _: self._return(hand, after_s=0))

    def _return(self, hand: Hand, *, after_s: int) -> None:
        """Let the queue deliver the message again."""
        hand.phase = Phase.LEFT
        message = hand.order.message

        def give_back() -> None:
            if message.receives >= self.settings.max_receives:
                # The queue would not deliver this one again but move it to the dead letters: a fresh one takes over.
                self._queue.send(message.body, after_s=min(after_s, 900))
                self._queue.delete(message)
            else:
                self._queue.give_back(message, after_s=after_s)

        self._persist(hand, Lane.QUEUE, give_back, lambda _: self._forget(hand))

    def _delete(self, hand: Hand) -> None:
        hand.phase = Phase.FINISHING
        delete = partial(self._queue.delete, hand.order.message)
        self._persist(hand, Lane.QUEUE, delete, lambda _: self._forget(hand))

    def _bury(self, message: Message, code: str, why: str) -> None:
        """Send a message that names no work of ours to the dead letters, and delete it."""

        def bury() -> None:
            self._dead_letters.send(message.body, attributes=attributes_of(code, why))
            self._queue.delete(message)

        def failed(error: Exception) -> None:
            log.warning("message_not_buried", message_id=message.message_id, error=str(error))

        until_s = time.monotonic() + self.settings.visibility_timeout_s
        self.loop.persist(Lane.QUEUE, bury, lambda _: None, failed, until_s=lambda: until_s)

    def _drop(self, hand: Hand, why: str) -> None:
        """Let go of a message without touching it: it comes back by itself when its visibility ends.

        In an outage nothing else can be done; with a lost lease nothing else may be.
        """
        log.warning("dropped", why=why, phase=hand.phase.name.lower(), **hand.order.ids)
        if hand.phase is Phase.WAITING:
            # No child has had it: it is not to blame, and another worker may have room at once.
            self._hand_back(hand)
            return
        self._kill(hand)
        self._admission.remove(hand)
        self._forget(hand)

    def _forget(self, hand: Hand) -> None:
        hand.phase = Phase.LEFT
        if hand in self._hands:
            self._hands.remove(hand)
            # An answer from before says nothing: this may have sent a message, its job's archive.
            self._receiver.empty_since_s = None
        if hand not in self._running.values():
            self._clean(hand)

    def _kill(self, hand: Hand) -> None:
        for number, running in self._running.items():
            if running is hand:
                self._slots[number].kill()

    def _clean(self, hand: Hand) -> None:
        if hand.order.folder is not None:
            self._scratch.discard(hand.order.folder)

    def _persist(
        self,
        hand: Hand,
        lane: Lane,
        call: Callable[[], object],
        done: Callable[..., None],
        failed: Callable[[Hand, Exception], None] | None = None,
    ) -> None:
        """A step of one message, tried again in an outage until its time is over."""

        def give_up(error: Exception) -> None:
            if failed is not None:
                failed(hand, error)
                return
            self._drop(hand, f"{type(error).__name__}: {error}")

        self.loop.persist(lane, call, done, give_up, until_s=lambda: self._latest_s(hand))

    def _latest_s(self, hand: Hand | None = None) -> float:
        latest_s = time.monotonic() + self.settings.time_limit_s if hand is None else hand.deadline_s
        if self._stop_s is not None:
            latest_s = min(latest_s, self._stop_s + self.settings.stop_margin_s)
        return latest_s
