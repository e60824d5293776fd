"""Tries again what may succeed later: with growing, jittered pauses, as long as the caller's patience lasts."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from client.errors import ClientError
from client.stop import Stop

T = TypeVar("T")


DEFAULT_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often to try again.

    Attributes:
        limit_s: longest time from the first failure of an operation to giving up on it.
        first_pause_s: upper bound of the pause after the first failure; it doubles with each further one.
        longest_pause_s: upper bound of every pause that the server does not ask for.
    """

    limit_s: float = DEFAULT_PATIENCE_S
    first_pause_s: float = 0.5
    longest_pause_s: float = 15.0

    def pause_s(self, failures: int) -> float:
        """The pause after so many failures in a row: random up to a doubling bound, so that clients do not march."""
        bound = min(self.longest_pause_s, self.first_pause_s * 2 ** min(failures - 1, 20))
        return random.uniform(bound / 2, bound)  # noqa: S311 - jitter, not a secret


class Transient(Exception):  # noqa: N818 - carries an error, is none
    """An attempt failed in a way that may pass.

    Attributes:
        error: what to raise when patience ends.
        after_s: how long the server asks to wait, if it does.
    """

    def __init__(self, error: ClientError, *, after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


def persistently(attempt: Callable[[], T], *, patience: Patience, stop: Stop) -> T:
    """The result of the first attempt that does not fail transiently.

    Raises:
        ClientError: what the last attempt failed with, when patience ended or the server asks to wait longer than it.
        Interrupted: while waiting.
    """
    failures = 0
    first_failure_s = 0.0
    while True:
        stop.check()
        try:
            return attempt()
        except Transient as fault:
            now_s = time.monotonic()
            first_failure_s = first_failure_s if failures else now_s
            failures += 1
            pause_s = patience.pause_s(failures) if fault.after_s is None else fault.after_s
            if now_s + pause_s - first_failure_s > patience.limit_s:
                raise fault.error from fault
            stop.sleep(pause_s)


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for (a number or a date), or None when it is absent or unreadable."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
