"""Asks the queue for messages, one long poll at a time, and less often while the queue is away."""

import time
from collections.abc import Callable
from functools import partial

from service.aws.queue import BATCH, Message, Queue
from service.logs import logger
from service.worker.loop import Lane, Loop, pause_s

log = logger(__name__)


class Receiver:
    """Polls. Belongs to the loop's thread.

    Attributes:
        polling: whether a poll is under way; what it receives must be worked on or returned.
        empty_since_s: time.monotonic() of the first of the empty answers in a row, None after a message.
    """

    def __init__(self, loop: Loop, queue: Queue, *, wait_s: int, take: Callable[[Message], None]) -> None:
        self._loop, self._queue, self._wait_s, self._take = loop, queue, wait_s, take
        self.polling = False
        self.empty_since_s: float | None = None
        self._failures = 0
        self._outages = 0
        self._not_before_s = 0.0

    def rest(self) -> None:
        """Take nothing for a while, longer each time: what was taken met an outage, and all else would."""
        now_s = time.monotonic()
        if now_s >= self._not_before_s:  # images that were in work together met the same one
            self._outages += 1
            self._not_before_s = now_s + pause_s(self._outages)

    def go_on(self) -> None:
        """Something was done again: the next outage begins with a short rest."""
        self._outages = 0

    def poll(self, most: int) -> None:
        """Ask for at most so many messages, unless a poll is under way or it is too early after a failure."""
        if not self.polling and time.monotonic() >= self._not_before_s:
            self.polling = True
            receive = partial(self._queue.receive, most=min(most, BATCH), wait_s=self._wait_s)
            self._loop.run(Lane.POLL, receive, self._received)

    def _received(self, answer: list[Message] | Exception) -> None:
        self.polling = False
        if isinstance(answer, Exception):
            self._failures += 1
            wait_s = pause_s(self._failures)
            self._not_before_s = time.monotonic() + wait_s
            log.warning("queue_away", failures=self._failures, pause_s=round(wait_s, 2), error=str(answer))
            return
        self._failures = 0
        if answer:
            self.empty_since_s = None
        elif self.empty_since_s is None:
            self.empty_since_s = time.monotonic()
        for message in answer:
            self._take(message)
