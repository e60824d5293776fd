"""The supervisor: takes messages while slots are free, has children work on them, and stops in time.

All state belongs to the loop's thread. What talks to the queue or the database runs on a lane and comes back as an
event; what is in hand while the other side is away stays in hand, is tried again after growing pauses, and fills the
places that new messages would need, so that an outage stops the worker without losing anything.
"""

import time
from collections.abc import Sequence
from functools import partial

from processor.batch.admission import Admission
from processor.batch.blame import has_no_room
from processor.batch.deaths import classify, timed_out
from processor.batch.records import in_mib
from processor.batch.slot import Delivered, NeverBegan, Slot, SlotEvent, TimedOut
from processor.errors import ReasonCode, RecipeError, Stage
from service.aws.queue import Message, Queue
from service.jobs.messages import Unreadable, parse
from service.jobs.reasons import ServiceReason
from service.jobs.records import Refusal
from service.logs import logger
from service.worker.endings import UNKNOWN_MESSAGE, Endings
from service.worker.hand import Hand, Pace, Phase
from service.worker.keeper import Keeper
from service.worker.loop import Lane, Loop
from service.worker.orders import ImageOrder, order_for
from service.worker.protection import Protection
from service.worker.receiver import Receiver
from service.worker.scratch import Scratch
from service.worker.settings import WorkerSettings
from service.worker.tasks import ArchiveMade, ArchiveTask, Failure, ImageMade, ImageTask, NeedsMore, Reply

Places = Sequence[Slot[ImageTask | ArchiveTask, Reply]]

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
        self._scratch, self._protection = scratch, protection
        self._slots: Places = ()
        self._admission: Admission[Hand] = Admission(settings.memory_bytes, settings.processes)
        self._hands: list[Hand] = []
        self._running: dict[int, Hand] = {}
        self._pace = Pace()
        self._tokens = 0
        self._false_starts = 0
        self._receiver = Receiver(loop, queue, wait_s=settings.poll_wait_s, take=self._take)
        self._endings = Endings(
            settings=settings,
            loop=loop,
            queue=queue,
            dead_letters=dead_letters,
            stop_s=lambda: self._stop_s,
            release=self._release,
            forget=self._forget,
        )
        self._keeper = Keeper(
            loop,
            queue,
            visibility_timeout_s=settings.visibility_timeout_s,
            hands=lambda: self._hands,
            drop=self._endings.drop,
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
                self._endings.hand_back(hand)
            elif hand.phase is Phase.RUNNING:
                left_s = self._pace.left_s(now_s - hand.started_s)
                archive = not isinstance(hand.order, ImageOrder)
                if self._signals > 1 or archive or now_s + left_s > self._stop_s:
                    self._endings.hand_back(hand)

    def _leave_all(self, why: str) -> None:
        for hand in list(self._hands):
            if hand.phase in {Phase.WAITING, Phase.RUNNING}:
                log.warning("handed_back", why=why, **hand.order.ids)
                self._endings.hand_back(hand)

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
            self._endings.bury(message, UNKNOWN_MESSAGE, wanted.why)
            return
        order = order_for(message, wanted, time_limit_s=self.settings.time_limit_s)
        hand = Hand(order=order, deadline_s=time.monotonic() + order.time_limit_s)
        self._hands.append(hand)
        claim = partial(order.claim, worker=self.settings.name, lease_s=self.settings.visibility_timeout_s)
        self._endings.persist(hand, Lane.DATABASE, claim, partial(self._claimed, hand))

    def _claimed(self, hand: Hand, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._endings.refuse(hand, refusal)
        elif self._stop_s is not None:
            self._endings.hand_back(hand)
        elif hand.order.attempts > self.settings.max_receives:
            message = f"every worker that took it was lost, {hand.order.attempts - 1} times"
            self._endings.give_up(hand, ServiceReason.WORKER_LOST, message)
        else:
            prepare = partial(hand.order.prepare, self._scratch)
            self._endings.persist(hand, Lane.DATABASE, prepare, partial(self._prepared, hand), self._not_prepared)

    def _prepared(self, hand: Hand, _none: None) -> None:
        if self._stop_s is not None:
            self._endings.hand_back(hand)
            return
        hand.phase = Phase.WAITING
        self._admission.add(hand)
        self._start()

    def _not_prepared(self, hand: Hand, error: Exception) -> None:
        if isinstance(error, OSError):
            message = f"the worker's scratch folder cannot be written: {error.strerror or error}"
            failed = self._met_outage if has_no_room(error) else self._endings.fail
            failed(hand, ReasonCode.STORE_FAILED, Stage.READ, message)
        elif isinstance(error, RecipeError):
            self._endings.fail(hand, ReasonCode.FILTER_FAILED, Stage.WATERMARK, str(error))
        else:
            self._endings.drop(hand, f"{type(error).__name__}: {error}")

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
            self._endings.fail(hand, death.reason, stage, death.message)
        self._start()

    def _delivered(self, hand: Hand, reply: Reply) -> None:
        match reply.result:
            case NeedsMore(needed_bytes=needed_bytes):
                self._wants_memory(hand, needed_bytes)
            case Failure(is_outage=True, code=code, stage=stage, message=message):
                self._met_outage(hand, code, stage, message)
            case Failure(code=code, stage=stage, message=message):
                self._endings.fail(hand, code, stage, message)
            case ImageMade() | ArchiveMade():
                self._receiver.go_on()
                if isinstance(hand.order, ImageOrder):
                    self._pace.note(reply.seconds)
                self._endings.succeed(hand, reply)

    def _wants_memory(self, hand: Hand, needed_bytes: int) -> None:
        budget_bytes = self.settings.memory_bytes
        if needed_bytes > budget_bytes or needed_bytes <= hand.needed_bytes:
            message = (
                f"needs about {in_mib(needed_bytes)} of memory and all children of this worker together may use "
                f"{in_mib(budget_bytes)}; choose a cheaper tier, or have workers with more memory"
            )
            self._endings.fail(hand, ReasonCode.OUT_OF_MEMORY, Stage.READ, message)
            return
        hand.needed_bytes = needed_bytes
        self._wait_again(hand)

    def _never_began(self, hand: Hand, why: str) -> None:
        self._false_starts += 1
        if self._false_starts >= _FALSE_STARTS:
            log.error("no_child_can_start", error=why)
            # As a second signal would: what runs is handed back at once, this one with it.
            self._signals += 1
            self.stop(exit_code=1)
        else:
            self._wait_again(hand)

    def _wait_again(self, hand: Hand) -> None:
        if self._stop_s is not None:
            self._endings.hand_back(hand)
            return
        hand.phase = Phase.WAITING
        self._admission.add(hand)

    def _met_outage(self, hand: Hand, code: str, stage: str, message: str) -> None:
        """The image waits and its try does not count; the worker rests, lest it draw every image into the outage."""
        self._receiver.rest()
        self._endings.wait_out(hand, code, stage, message)

    def _forget(self, hand: Hand) -> None:
        hand.phase = Phase.LEFT
        if hand in self._hands:
            self._hands.remove(hand)
            # An answer from before says nothing: this may have sent a message, its job's archive.
            self._receiver.empty_since_s = None
        if hand not in self._running.values():
            self._clean(hand)

    def _release(self, hand: Hand) -> None:
        """No child shall have it any more, nor wait for one."""
        for number, running in self._running.items():
            if running is hand:
                self._slots[number].kill()
        self._admission.remove(hand)

    def _clean(self, hand: Hand) -> None:
        if hand.order.folder is not None:
            self._scratch.discard(hand.order.folder)
