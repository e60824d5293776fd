"""Waits for what other processes do. Generous: a loaded machine must not fail a test."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, what: str = "it", at_most_s: float = 150.0) -> None:
    """Wait for a condition; fails the test when it does not come true."""
    end_s = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not come true in time"
        time.sleep(0.02)
