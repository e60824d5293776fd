"""The experiments show what the evidence page says they show."""

import pytest

from bench.evidence import deadlock, isolation, race, threads
from bench.part import Bench, Figures
from processor.errors import ReasonCode


def test_updates_are_lost_without_a_lock_and_never_by_the_counter() -> None:
    figures = race.measure(400)
    assert figures["expected"] == 1600
    assert 0 < figures["without_lock"]["found"] < 1600
    assert figures["counter"]["found"] == 1600


@pytest.fixture(scope="module")
def licences() -> Figures:
    """The experiment with two licences, shortened."""
    return deadlock.measure(still_s=0.3, rounds=25)


def test_opposite_orders_deadlock_and_are_found_in_a_circle(licences: Figures) -> None:
    bare = licences["bare"]
    assert bare["deadlocked"]
    assert bare["alive"] == 2
    assert bare["waiting"] == [
        {"process": "A", "holds": "filter_license", "wants": "watermark_license"},
        {"process": "B", "holds": "watermark_license", "wants": "filter_license"},
    ]


def test_ordered_licences_finish_whatever_order_they_are_asked_for_in(licences: Figures) -> None:
    assert licences["ordered"]["done"] == [25, 25]
    assert "are taken in the order of their names" in licences["refused"]


def test_threads_are_not_judged_on_a_machine_that_is_busy() -> None:
    assert threads.verdict(0.6, 0.7) == "not measurable: machine busy"
    assert [threads.verdict(cores, 2.0) for cores in (1.9, 1.4, 1.0)] == ["released", "partly held", "held"]


def test_a_crash_ends_all_threads_of_a_process_and_one_image_of_a_batch(bench: Bench) -> None:
    figures = isolation.measure(bench, "crash")
    assert figures["threads"]["exit_code"] == -11
    assert figures["threads"]["reported_ok"] == 0
    assert figures["batch"]["ok"] == isolation.IMAGES - 1
    (failed,) = figures["batch"]["failed"]
    assert failed["image"] == "3-crash.dng"
    assert failed["reason"] == ReasonCode.DECODER_CRASH
