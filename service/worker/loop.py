"""The supervisor's control loop: one thread owns all state; calls that wait run on lanes and come back as events.

A lane is one thread that makes one call at a time, in order. Nothing else in the supervisor starts threads, but the
pools of the slots.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog
from botocore.exceptions import BotoCoreError, ClientError
from django.db import InterfaceError, OperationalError

from service.aws.errors import AwsError
from service.aws.secrets import SecretError

T = TypeVar("T")
Event = Callable[[], None]

OUTAGES = (AwsError, BotoCoreError, ClientError, SecretError, OperationalError, InterfaceError)
"""What a call raises when the other side is away: it is made again later."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0

log = structlog.get_logger(__name__)


class Lane(StrEnum):
    """Who is called. Calls to one never wait for another that is slow."""

    POLL = "poll"
    QUEUE = "queue"
    DATABASE = "database"
    AGENT = "agent"


def pause_s(failures: int) -> float:
    """How long to wait after so many failures in a row: doubling up to half a minute, half of it random."""
    longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(failures - 1, 10))
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - no secret


class Loop:
    """Events, timers and lanes. All methods but `post` belong to the thread that calls `turn`."""

    def __init__(self) -> None:
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._timers: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._lanes: dict[Lane, SimpleQueue[Event]] = {}
        self._calls: dict[Lane, float] = {}

    def post(self, event: Event) -> None:
        """Have `event` called by the loop's thread. From any thread, and from signal handlers."""
        self._events.put(event)

    def later(self, delay_s: float, event: Event) -> None:
        """Have `event` called after a while."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), event))

    def run(self, lane: Lane, call: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Make a call that may wait, on a lane; `then` gets its result or its error, in the loop's thread."""
        if lane not in self._lanes:
            self._lanes[lane] = SimpleQueue()
            # A daemon: a call that hangs must not keep the process from its end.
            threading.Thread(target=self._serve, args=(lane,), name=f"lane-{lane}", daemon=True).start()
        self._lanes[lane].put(partial(self._call, call, then))

    def persist(
        self,
        lane: Lane,
        call: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None],
        *,
        until_s: Callable[[], float],
    ) -> None:
        """Make a call, and again after growing pauses while the other side is away.

        Args:
            lane, call: what to do where.
            done: gets the result.
            failed: gets the error, when it is no outage, or when `until_s` has passed.
            until_s: time.monotonic() after which no further try is made; asked anew after every one.
        """
        failures = 0

        def settle(answer: T | Exception) -> None:
            nonlocal failures
            if not isinstance(answer, Exception):
                done(answer)
                return
            failures += 1
            wait_s = pause_s(failures)
            if not isinstance(answer, OUTAGES) or time.monotonic() + wait_s > until_s():
                failed(answer)
                return
            log.warning("call_failed", lane=lane, failures=failures, pause_s=wait_s, error=str(answer))
            self.later(wait_s, lambda: self.run(lane, call, settle))

        self.run(lane, call, settle)

    def turn(self, longest_s: float) -> None:
        """Wait for events and timers, at most `longest_s`, and serve those that there are."""
        now_s = time.monotonic()
        if self._timers:
            longest_s = max(0.0, min(longest_s, self._timers[0][0] - now_s))
        try:
            event = self._events.get(timeout=longest_s) if longest_s > 0 else self._events.get_nowait()
            while True:
                event()
                event = self._events.get_nowait()
        except Empty:
            pass
        now_s = time.monotonic()
        while self._timers and self._timers[0][0] <= now_s:
            heapq.heappop(self._timers)[2]()

    def longest_call_s(self) -> float:
        """How long the longest call that is under way has taken so far."""
        now_s = time.monotonic()
        return max((now_s - began_s for began_s in tuple(self._calls.values())), default=0.0)

    def _serve(self, lane: Lane) -> None:
        while True:
            call = self._lanes[lane].get()
            self._calls[lane] = time.monotonic()
            call()
            del self._calls[lane]

    def _call(self, call: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        answer: T | Exception
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001 - it is the caller's to judge
            answer = error
        self.post(partial(then, answer))
