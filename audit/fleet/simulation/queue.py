"""The job queue: what waits, what is hidden, what was received too often, and what became too old.

Images that wait for their first receive are counted, not stored: ten million take the memory of one row. Whatever was
received once is a message of its own.
"""

import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import simpy

from audit.fleet.model import Queue
from audit.fleet.simulation.record import Record
from audit.fleet.simulation.work import PoisonKind


@dataclass(slots=True)
class Message:
    """Images that one process has in hand, more than one only while none of them was received before.

    Attributes:
        receives: as SQS counts them; returned messages do not count.
        poison: what it does to whoever develops it.
    """

    images: int
    sent_s: float
    receives: int = 0
    received_s: float = 0.0
    poison: PoisonKind | None = None


@dataclass(slots=True)
class _Row:
    images: int
    poisoned: int
    sent_s: float


class JobQueue:
    """One queue with its dead letters."""

    def __init__(
        self,
        env: simpy.Environment,
        settings: Queue,
        record: Record,
        chance: random.Random,
        kinds: list[tuple[PoisonKind, float]],
    ) -> None:
        self._env, self._settings, self._record, self._chance = env, settings, record, chance
        self._kinds = [kind for kind, _ in kinds]
        self._weights = [weight for _, weight in kinds]
        self._fresh: deque[_Row] = deque()
        self._again: deque[Message] = deque()
        self._waiters: deque[simpy.Event] = deque()
        self.visible = self.in_flight = 0
        self.sent = self.completed = self.dead = self.innocent = self.expired = self.deliveries = 0
        self.last_sent_s = self.settled_s = self.touched_s = 0.0

    @property
    def outstanding(self) -> int:
        """Images that wait or are in hand."""
        return self.visible + self.in_flight

    def send(self, images: int, poisoned: int = 0) -> None:
        """Queue images, so many of them poisoned."""
        self._fresh.append(_Row(images, poisoned, self._env.now))
        self.sent += images
        self.visible += images
        self.last_sent_s = self._env.now
        self._wake(images)

    def receive(self, most: int) -> Message | None:
        """What a process takes now: images that were returned first, one at a time, else up to `most` fresh ones."""
        now = self._env.now
        self.touched_s = now
        while self._again:
            message = self._again.popleft()
            self.visible -= 1
            if self._is_old(message.sent_s):
                self._expire(1)
            elif message.receives >= self._settings.max_receives:
                self.bury(message, in_hand=False)
            else:
                return self._handed(message)
        while self._fresh:
            row = self._fresh[0]
            if self._is_old(row.sent_s):
                self._fresh.popleft()
                self.visible -= row.images
                self._expire(row.images)
                continue
            message = self._of_row(row, most)
            if not row.images:
                self._fresh.popleft()
            self.visible -= message.images
            return self._handed(message)
        return None

    def arrival(self) -> simpy.Event:
        """Happens when there is something to receive."""
        event = self._env.event()
        self._waiters.append(event)
        return event

    def missed(self, arrival: simpy.Event) -> None:
        """Who waited for this is gone: if it had happened by then, somebody else has to hear of it."""
        if arrival.triggered:
            self._wake(1)

    def complete(self, images: int) -> None:
        """Images in hand are developed, and their messages deleted."""
        self.in_flight -= images
        self.completed += images
        self.settled_s = self._env.now

    def bury(self, message: Message, *, in_hand: bool = True) -> None:
        """A message goes to the dead letters."""
        self.in_flight -= in_hand
        self.dead += 1
        self.innocent += message.poison is None
        self.settled_s = self._env.now

    def unread(self, images: int, sent_s: float) -> None:
        """Images that a process had before it but had not begun: they wait as if nobody had ever received them."""
        if images:
            self.in_flight -= images
            self.visible += images
            self._fresh.appendleft(_Row(images, 0, sent_s))
            self.deliveries -= images
            self._wake(images)

    def hide(self, message: Message, seconds: float) -> None:
        """A message in hand comes back after so long, at once after none."""
        if seconds <= 0:
            self._appear(message)
            return
        timeout = self._env.timeout(seconds)
        assert timeout.callbacks is not None  # noqa: S101 - for the type: it has not happened yet
        timeout.callbacks.append(lambda _: self._appear(message))

    def forget_old(self) -> None:
        """Delete what has become too old while nobody received it."""
        while self._fresh and self._is_old(self._fresh[0].sent_s):
            row = self._fresh.popleft()
            self.visible -= row.images
            self._expire(row.images)

    def _appear(self, message: Message) -> None:
        self.in_flight -= 1
        self.visible += 1
        self._again.append(message)
        self._wake(1)

    def _handed(self, message: Message) -> Message:
        message.receives += 1
        message.received_s = self._env.now
        self.in_flight += message.images
        self.deliveries += message.images
        return message

    def _of_row(self, row: _Row, most: int) -> Message:
        """Poisoned images are spread evenly over a row, and each is a message of its own."""
        count = min(most, row.images)
        if row.poisoned:
            share = row.poisoned / row.images
            if self._chance.random() < share:
                row.images -= 1
                row.poisoned -= 1
                return Message(1, row.sent_s, poison=self._chance.choices(self._kinds, self._weights)[0])
            # Up to the next poisoned one, which is as far away as chance will have it.
            good = row.images - row.poisoned
            count = min(count, good, 1 + int(self._chance.expovariate(share)) if count > 1 else 1)
        row.images -= count
        return Message(count, row.sent_s)

    def _is_old(self, sent_s: float) -> bool:
        return self._env.now - sent_s > self._settings.retention_s

    def _expire(self, images: int) -> None:
        self.expired += images
        self.settled_s = self._env.now

    def _wake(self, images: int) -> None:
        while images > 0 and self._waiters:
            waiter = self._waiters.popleft()
            # Who was stopped while it waited has left its event behind.
            if waiter.callbacks and not waiter.triggered:
                waiter.succeed()
                images -= 1


Steps = Generator[simpy.Event, object, None]
"""What a SimPy process is made of."""
