"""Memory: the budget is never exceeded, everything that can run does, and nothing waits for ever."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.batch.admission import Admission, Work
from processor.errors import ReasonCode
from processor.report.model import BatchReport, SpanEnd
from processor.result import Status

MIB = 1024 * 1024
Shoot = Callable[..., Path]
Run = Callable[..., BatchReport]


def work(index: int) -> Work:
    return Work(index=index, source=str(index), stem=str(index))


@settings(max_examples=200, deadline=None)
@given(
    budget=st.integers(1, 100),
    jobs=st.integers(1, 8),
    needs=st.lists(st.integers(0, 100), max_size=30),
    data=st.data(),
)
def test_any_mix_of_needs_runs_to_its_end_within_the_budget(
    budget: int, jobs: int, needs: list[int], data: st.DataObject
) -> None:
    admission: Admission[Work] = Admission(budget, jobs)
    for index in range(len(needs)):
        admission.add(work(index))
    running: list[Work] = []
    ended: list[int] = []
    steps = 0
    while admission.waiting or running:
        steps += 1
        assert steps <= 4 * len(needs) + 4, "no progress"
        while len(running) < jobs and (started := admission.take()) is not None:
            running.append(started)
            assert sum(item.grant_bytes for item in running) <= max(budget, 1)
            assert admission.granted_bytes == sum(item.grant_bytes for item in running)
        assert running, "everything waits and nothing runs"
        done = running.pop(data.draw(st.integers(0, len(running) - 1)))
        need, grant = needs[done.index], done.grant_bytes
        admission.give_back(done)
        if need > grant and need <= budget and not done.needed_bytes:
            done.needed_bytes = need
            admission.add(done)
        else:
            assert need <= grant or need > budget
            ended.append(done.index)
    assert sorted(ended) == list(range(len(needs)))
    assert admission.granted_bytes == 0


def test_a_large_image_is_not_overtaken_for_ever_by_small_ones() -> None:
    admission: Admission[Work] = Admission(100, 4)
    for index in range(50):
        admission.add(work(index))
    large = Work(index=99, source="large", stem="large", needed_bytes=100)
    running = [item for item in (admission.take() for _ in range(4)) if item is not None]
    admission.add(large)
    for item in running:
        assert admission.take() is None
        assert admission.short_of_memory
        admission.give_back(item)
    assert admission.take() is large
    assert admission.take() is None
    admission.give_back(large)
    assert admission.take() is not None


def test_draining_returns_everything_that_had_not_started() -> None:
    admission: Admission[Work] = Admission(100, 2)
    for index in range(3):
        admission.add(work(index))
    admission.add(Work(index=3, source="3", stem="3", needed_bytes=80))
    assert sorted(item.index for item in admission.drain()) == [0, 1, 2, 3]
    assert admission.waiting == 0


def _held(folder: Path) -> list[tuple[float, float, int]]:
    return [
        (float(began), float(ended), int(granted))
        for began, ended, granted in (path.read_text().split() for path in folder.glob("*.held"))
    ]


def test_images_at_work_never_hold_more_than_the_budget(shoot: Shoot, run: Run) -> None:
    scripts = [f"needs {mib} 0.03" for mib in (10, 300, 200, 10, 390, 10, 10, 250, 150, 10, 400, 10)]
    folder = shoot(*scripts)
    report = run(folder, jobs=4, memory_bytes=400 * MIB)
    assert report.count(Status.OK) == len(scripts)
    held = _held(folder)
    for moment, _, _ in held:
        assert sum(granted for began, ended, granted in held if began <= moment < ended) <= 400 * MIB
    assert {span.end for span in report.spans} == {SpanEnd.OK, SpanEnd.REQUEUED}
    assert {result.attempts for result in report.results} == {1}


def test_more_than_the_whole_budget_fails_with_both_numbers(shoot: Shoot, run: Run) -> None:
    report = run(shoot("needs 500", "ok"), memory_bytes=400 * MIB)
    assert report.results[0].reason is ReasonCode.OUT_OF_MEMORY
    assert "500 MiB" in (report.results[0].message or "")
    assert "400 MiB" in (report.results[0].message or "")
    assert report.results[1].status is Status.OK


def test_an_image_that_keeps_asking_for_the_same_fails_instead_of_circling(shoot: Shoot, run: Run) -> None:
    (result,) = run(shoot("insatiable"), memory_bytes=400 * MIB).results
    assert result.reason is ReasonCode.OUT_OF_MEMORY


def test_memory_eaters_meet_their_limit_while_others_work(shoot: Shoot, run: Run) -> None:
    report = run(shoot("eat_memory", "sleep 0.2", "eat_memory", "sleep 0.2"), memory_bytes=600 * MIB)
    assert [result.reason for result in report.results] == [ReasonCode.OUT_OF_MEMORY, None] * 2
    assert report.peak_memory_bytes < 1200 * MIB


def test_work_that_is_taken_out_is_not_handed_out_and_blocks_nobody() -> None:
    admission: Admission[Work] = Admission(100, 2)
    fresh, large = (Work(index=index, source="", stem="") for index in range(2))
    large.needed_bytes = 100
    admission.add(fresh)
    admission.add(large)
    admission.remove(large)
    admission.remove(large)
    assert admission.take() is fresh
    assert admission.take() is None
