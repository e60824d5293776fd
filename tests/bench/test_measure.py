"""Measuring in processes of their own."""

import os
import time
from collections.abc import Callable

import pytest

from bench.measure import Run, Series, Worker, all_closed, interleaved


def _counting() -> Callable[[], int]:
    calls = []

    def work() -> int:
        calls.append(time.monotonic_ns())
        return len(calls)

    return work


def _telling_process_and_threads() -> Callable[[], tuple[int, str | None]]:
    return lambda: (os.getpid(), os.environ.get("OMP_NUM_THREADS"))


def _failing() -> Callable[[], None]:
    def work() -> None:
        raise OSError("no such disc")

    return work


def _dying() -> Callable[[], None]:
    return lambda: os._exit(7)


def _large() -> Callable[[], int]:
    return lambda: len(bytearray(b"\1") * (200 << 20))


def test_a_design_runs_in_a_process_of_its_own_with_one_thread_per_library() -> None:
    with Worker(_telling_process_and_threads) as worker:
        process, threads = worker.run().value
        assert process != os.getpid()
        assert worker.run().value == (process, "1")
    assert threads == "1"


def test_the_first_round_is_not_counted() -> None:
    workers = {"a": Worker(_counting), "b": Worker(_counting)}
    with all_closed(workers):
        series = interleaved(workers, rounds=2)
    assert {name: [run.value for run in of.runs] for name, of in series.items()} == {"a": [2, 3], "b": [2, 3]}


def test_a_failure_of_measured_work_is_not_a_fast_run() -> None:
    with Worker(_failing) as worker, pytest.raises(RuntimeError, match="OSError: no such disc"):
        worker.run()


def test_the_death_of_a_measured_process_is_told_and_does_not_hang() -> None:
    with Worker(_dying) as worker, pytest.raises(RuntimeError, match="exit code 7"):
        worker.run()


def test_peak_memory_is_that_of_the_measured_process() -> None:
    with Worker(_counting) as small, Worker(_large) as large:
        small.run()
        large.run()
        assert large.peak_bytes() - small.peak_bytes() > 150 << 20


def test_ratios_are_taken_round_by_round() -> None:
    fast = Series([Run(cpu_s=s, wall_s=s, value=None) for s in (1.0, 2.0, 4.0)])
    slow = Series([Run(cpu_s=s, wall_s=s, value=None) for s in (10.0, 24.0, 32.0)])
    ratio = fast.ratio_to(slow)
    assert (ratio.low, ratio.median, ratio.high) == (8, 10, 12)
