"""Trying again: only what may pass, only as long as patience lasts, and never after the switch is thrown."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from client.errors import Interrupted, NetworkError
from client.retry import Patience, Transient, persistently, retry_after_s
from client.stop import Stop

QUICK = Patience(limit_s=5, first_pause_s=0.001, longest_pause_s=0.002)


def _failing(times: int, *, after_s: float | None = None) -> tuple[list[int], Callable[[], str]]:
    calls: list[int] = []

    def attempt() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise Transient(NetworkError(f"failure {len(calls)}"), after_s=after_s)
        return "done"

    return calls, attempt


def test_what_fails_in_passing_is_tried_again_until_it_works() -> None:
    calls, attempt = _failing(3)
    assert persistently(attempt, patience=QUICK, stop=Stop()) == "done"
    assert len(calls) == 4


def test_when_patience_ends_the_last_failure_is_raised() -> None:
    _, attempt = _failing(10**9)
    with pytest.raises(NetworkError, match=r"failure \d+"):
        persistently(attempt, patience=Patience(limit_s=0.05, first_pause_s=0.01), stop=Stop())


def test_a_server_that_asks_for_more_time_than_there_is_patience_is_not_waited_for() -> None:
    calls, attempt = _failing(1, after_s=3600)
    with pytest.raises(NetworkError, match="failure 1"):
        persistently(attempt, patience=QUICK, stop=Stop())
    assert len(calls) == 1


def test_other_errors_are_raised_at_once() -> None:
    def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        persistently(attempt, patience=QUICK, stop=Stop())


def test_a_pause_ends_when_the_switch_is_thrown() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.throw).start()
    _, attempt = _failing(1, after_s=60)
    with pytest.raises(Interrupted):
        persistently(attempt, patience=Patience(limit_s=3600), stop=stop)


def test_pauses_grow_to_their_bound_and_differ() -> None:
    patience = Patience(first_pause_s=1, longest_pause_s=8)
    assert all(0.5 <= patience.pause_s(1) <= 1 for _ in range(50))
    assert all(4 <= patience.pause_s(99) <= 8 for _ in range(50))
    assert len({patience.pause_s(5) for _ in range(10)}) > 1


@pytest.mark.parametrize(("value", "seconds"), [("7", 7), (None, None), ("soon", None), ("-3", None), ("²", None)])
def test_retry_after_is_read_as_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    later = retry_after_s(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert later is not None
    assert 90 < later <= 100
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
