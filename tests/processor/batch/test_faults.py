"""One image's fault is that image's alone: it is blamed with its stage, and all others are developed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from processor.batch import BatchObserver
from processor.batch.counter import Counts
from processor.batch.observer import InFlight
from processor.errors import ReasonCode, Stage
from processor.report.model import BatchReport
from processor.result import Status

FAULTS = {
    "segfault": ReasonCode.DECODER_CRASH,
    "abort": ReasonCode.DECODER_CRASH,
    "bad_alloc": ReasonCode.OUT_OF_MEMORY,
    "exit 0": ReasonCode.DECODER_CRASH,
    "exit 3": ReasonCode.DECODER_CRASH,
    "system_exit": ReasonCode.INTERNAL_ERROR,
    "kill_self": ReasonCode.OUT_OF_MEMORY,
    "hang": ReasonCode.TIMED_OUT,
    "hang_in_c": ReasonCode.TIMED_OUT,
    "eat_memory": ReasonCode.OUT_OF_MEMORY,
    "raise": ReasonCode.INTERNAL_ERROR,
    "raise_unpicklable": ReasonCode.INTERNAL_ERROR,
    "return_unpicklable": ReasonCode.INTERNAL_ERROR,
    "return_foreign": ReasonCode.DECODER_CRASH,
    "return_nonsense": ReasonCode.INTERNAL_ERROR,
    "image_error truncated": ReasonCode.TRUNCATED,
    "full_device": ReasonCode.STORE_FAILED,
    "io_error 99": ReasonCode.UNREADABLE,
}

Shoot = Callable[..., Path]
Run = Callable[..., BatchReport]


@pytest.fixture
def report(shoot: Shoot, run: Run) -> BatchReport:
    scripts = [script for fault in FAULTS for script in (fault, "ok")]
    return run(shoot(*scripts), timeout_s=3.0, memory_bytes=1 << 30)


def test_every_fault_gets_its_reason_and_leaves_its_neighbours_alone(report: BatchReport) -> None:
    blamed = {fault: result.reason for fault, result in zip(FAULTS, report.results[::2], strict=True)}
    assert blamed == FAULTS
    assert {result.status for result in report.results[1::2]} == {Status.OK}
    assert {result.stage for result in report.results[::2]} == {Stage.DECODE}
    assert all(result.message for result in report.results[::2])
    assert report.exit_code == 1


def test_a_crash_is_told_by_its_signal_and_where_it_happened(shoot: Shoot, run: Run) -> None:
    (result,) = run(shoot("segfault")).results
    assert "SIGSEGV" in (result.message or "")
    assert "string_at" in (result.message or "")


def test_an_image_whose_process_was_killed_once_is_tried_again(shoot: Shoot, run: Run) -> None:
    (result,) = run(shoot("kill_self_once")).results
    assert (result.status, result.attempts) == (Status.OK, 2)


def test_an_image_whose_process_is_killed_every_time_is_tried_twice_and_no_more(shoot: Shoot, run: Run) -> None:
    (result,) = run(shoot("kill_self")).results
    assert (result.reason, result.attempts) == (ReasonCode.OUT_OF_MEMORY, 2)


def test_an_io_error_that_passes_is_tried_again_and_a_damaged_file_is_not(shoot: Shoot, run: Run) -> None:
    passing, damaged, crashing = run(shoot("io_error 2", "image_error damaged", "segfault")).results
    assert (passing.status, passing.attempts) == (Status.OK, 3)
    assert (damaged.reason, damaged.attempts) == (ReasonCode.DAMAGED, 1)
    assert (crashing.reason, crashing.attempts) == (ReasonCode.DECODER_CRASH, 1)


def test_workers_that_cannot_start_fail_every_image_with_the_cause_and_do_not_hang(shoot: Shoot, run: Run) -> None:
    report = run(shoot("ok", "ok", "ok"), function="tests.processor.batch.fakes:missing")
    assert {result.reason for result in report.results} == {ReasonCode.INTERNAL_ERROR}
    assert "missing" in (report.results[0].message or "")


def test_workers_are_replaced_after_their_share_of_images(shoot: Shoot, run: Run) -> None:
    folder = shoot(*["note_pid"] * 9)
    report = run(folder, jobs=1, tasks_per_worker=3)
    assert report.count(Status.OK) == 9
    pids = [path.read_text() for path in sorted(folder.glob("*.pid"))]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_numeric_libraries_have_one_thread_in_workers(shoot: Shoot, run: Run) -> None:
    folder = shoot("note_threads")
    run(folder)
    assert (folder / "000.threads").read_text() == "1 1"


def test_a_lost_worker_is_noticed_while_the_others_are_busy(shoot: Shoot, run: Run) -> None:
    report = run(shoot("exit 0", *["sleep 0.02"] * 150))
    (span,) = (span for span in report.spans if span.index == 0)
    assert span.end_s < 0.75 * report.wall_s


class ClockJump(BatchObserver):
    """Sets the time of day once an image is in hand, as a machine's time service may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ahead_s: float) -> None:
        self._monkeypatch, self._ahead_s = monkeypatch, ahead_s
        self._time = time.time
        self.jumped = False

    def on_progress(self, counts: Counts, in_flight: tuple[InFlight, ...]) -> None:  # noqa: ARG002
        if in_flight and not self.jumped:
            self.jumped = True
            self._monkeypatch.setattr(time, "time", lambda: self._time() + self._ahead_s)


def test_an_image_in_hand_does_not_run_out_of_time_when_the_clock_jumps_ahead(
    shoot: Shoot, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    jump = ClockJump(monkeypatch, 3600)
    (result,) = run(shoot("sleep 1.5"), observer=jump).results
    assert jump.jumped
    assert (result.status, result.attempts) == (Status.OK, 1)


def test_an_image_that_hangs_runs_out_of_time_when_the_clock_jumps_back(
    shoot: Shoot, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    jump = ClockJump(monkeypatch, -3600)
    (result,) = run(shoot("hang"), timeout_s=2.0, observer=jump).results
    assert jump.jumped
    assert result.reason is ReasonCode.TIMED_OUT
