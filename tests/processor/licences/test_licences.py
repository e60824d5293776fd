"""Licences: bounded seats, one order for everyone, freed by death, timeouts that name the holder."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from processor.errors import ImageError, ReasonCode, UsageError
from processor.licences import LicenceOptions, LicenceOrderError, open_licences
from tests.processor.batch.processes import start
from tests.processor.licences.deadlock import Contest, contest
from tests.waiting import wait_until

SEATS = {"filter_license": 1, "watermark_license": 1}


def options(folder: Path, *, timeout_s: float = 10.0, seats: dict[str, int] | None = None) -> LicenceOptions:
    return LicenceOptions(seats=SEATS if seats is None else seats, folder=folder, timeout_s=timeout_s)


def take_both(chosen: LicenceOptions, names: tuple[str, str], times: int, done: Path) -> None:
    """Takes the two licences again and again, named in this order."""
    licences = open_licences(chosen)
    for _ in range(times):
        with licences.hold(*names, image=str(os.getpid())):
            time.sleep(0.001)
    done.touch()


def hold_for_ever(chosen: LicenceOptions, ready: Path) -> None:
    with open_licences(chosen).hold("filter_license", image="slow.nef"):
        ready.touch()
        time.sleep(600)


@contextlib.contextmanager
def _holder(chosen: LicenceOptions, ready: Path) -> Iterator[BaseProcess]:
    child = start(hold_for_ever, chosen, ready)
    try:
        wait_until(ready.exists)
        yield child
    finally:
        child.kill()
        child.join()


def test_two_processes_that_name_the_pair_in_opposite_orders_both_finish(tmp_path: Path) -> None:
    names = ("filter_license", "watermark_license")
    children = [
        start(take_both, options(tmp_path), order, 60, tmp_path / f"done-{number}")
        for number, order in enumerate((names, names[::-1]))
    ]
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]


def test_opposite_orders_deadlock_without_the_api_and_never_with_it(tmp_path: Path) -> None:
    unordered = contest(tmp_path, ordered=False, timeout_s=0.5)
    assert unordered.deadlocks
    assert all("held by process" in sentence for sentence in unordered.deadlocks)
    assert contest(tmp_path, ordered=True, timeout_s=10) == Contest(finished=2, deadlocks=())


def test_asking_against_the_order_is_refused_at_once(tmp_path: Path) -> None:
    licences = open_licences(options(tmp_path))
    with (
        licences.hold("watermark_license"),
        pytest.raises(LicenceOrderError, match="'filter_license' was asked for while 'watermark_license' is held"),
        licences.hold("filter_license"),
    ):
        pass


def test_asking_twice_for_the_same_licence_is_refused_at_once(tmp_path: Path) -> None:
    licences = open_licences(options(tmp_path))
    with licences.hold("filter_license"), pytest.raises(LicenceOrderError), licences.hold("filter_license"):
        pass


def test_the_order_holds_for_licences_without_seats_too(tmp_path: Path) -> None:
    licences = open_licences(options(tmp_path, seats={}))
    with licences.hold("watermark_license"), pytest.raises(LicenceOrderError), licences.hold("filter_license"):
        pass


def test_asking_along_the_order_is_granted_and_everything_is_given_back(tmp_path: Path) -> None:
    licences = open_licences(options(tmp_path, timeout_s=0.2))
    for _ in range(2):
        with licences.hold("filter_license"), licences.hold("watermark_license"):
            pass


def test_a_seat_is_given_back_when_the_block_fails(tmp_path: Path) -> None:
    licences = open_licences(options(tmp_path, timeout_s=0.2))
    with pytest.raises(ZeroDivisionError), licences.hold("filter_license", "watermark_license"):
        _ = 1 / 0
    with licences.hold("filter_license", "watermark_license"):
        pass


def test_when_the_second_licence_times_out_the_first_is_given_back(tmp_path: Path) -> None:
    first, second = (open_licences(options(tmp_path, timeout_s=0.2)) for _ in range(2))
    with first.hold("watermark_license"):
        with pytest.raises(ImageError), second.hold("filter_license", "watermark_license"):
            pass
        with second.hold("filter_license"):
            pass


def test_a_timeout_names_the_holder(tmp_path: Path) -> None:
    with (
        _holder(options(tmp_path), tmp_path / "ready") as child,
        pytest.raises(ImageError) as caught,
        open_licences(options(tmp_path, timeout_s=0.3)).hold("filter_license"),
    ):
        pass
    assert caught.value.reason is ReasonCode.LICENCE_TIMEOUT
    for part in (f"process {child.pid}", "'slow.nef'", "'filter_license'", "0.3 s"):
        assert part in str(caught.value)


def test_a_killed_holder_frees_its_seat(tmp_path: Path) -> None:
    with _holder(options(tmp_path), tmp_path / "ready") as child:
        os.kill(child.pid or 0, signal.SIGKILL)
        with open_licences(options(tmp_path)).hold("filter_license"):
            pass


def test_as_many_holders_as_seats_and_no_more(tmp_path: Path) -> None:
    chosen = options(tmp_path, timeout_s=0.1, seats={"filter_license": 2})
    one, two, three = (open_licences(chosen) for _ in range(3))
    with (
        one.hold("filter_license"),
        two.hold("filter_license"),
        pytest.raises(ImageError, match="2 in all"),
        three.hold("filter_license"),
    ):
        pass


def test_waiting_is_measured(tmp_path: Path) -> None:
    one, two = (open_licences(options(tmp_path, timeout_s=0.2)) for _ in range(2))
    with one.hold("filter_license"), contextlib.suppress(ImageError), two.hold("filter_license"):
        pass
    assert two.waited_s >= 0.2


@pytest.mark.parametrize("seats", [{"filter_license": 0}, {"../x": 1}, {"": 1}])
def test_impossible_licences_are_refused(seats: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="licence"):
        options(tmp_path, seats=seats)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(UsageError, match="belongs to user"):
        open_licences(options(tmp_path))
