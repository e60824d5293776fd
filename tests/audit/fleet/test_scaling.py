"""Policies and alarms, minute by minute, against sequences reckoned by hand from AWS's documentation."""

from dataclasses import replace

import pytest

from audit.fleet.model import Missing, Signal, Step
from audit.fleet.scaling import AlarmState, SteppingState, TrackingState
from tests.audit.fleet.fleets import FIRST, TRACKING, metric


def tracked(values: list[float | None], *, desired: int, least: int = 0, most: int = 40) -> list[int]:
    """The number of tasks after each minute."""
    state = TrackingState(policy=TRACKING, out_minutes=3, in_minutes=15, in_share=0.9)
    after = []
    for minute, value in enumerate(values):
        desired = state.feed(value, now_s=60.0 * minute, desired=desired, least=least, most=most)
        after.append(desired)
    return after


def test_the_backlog_per_worker_counts_workers_that_were_asked_for() -> None:
    signals = {Signal.VISIBLE: 90.0, Signal.IN_FLIGHT: 5.0, Signal.RUNNING: 2.0, Signal.DESIRED: 10.0}
    assert metric("backlog").value(signals) == 9.5
    assert metric("backlog").value({**signals, Signal.RUNNING: None, Signal.DESIRED: 0.0}) == 95


def test_tracking_grows_after_three_minutes_by_metric_over_target_rounded_up() -> None:
    # 2 tasks, 25.5 images each: 2 × 25.5 / 10 = 5.1.
    assert tracked([25.5, 25.5, 25.5], desired=2) == [2, 2, 6]


def test_a_minute_at_the_target_starts_the_count_anew() -> None:
    assert tracked([30, 30, 10, 30, 30, 30], desired=2) == [2, 2, 2, 2, 2, 6]


def test_within_the_cool_down_a_stale_value_adds_nothing_and_a_larger_one_adds_its_own() -> None:
    # 2 → 6 at minute 2. At minute 3 the metric still tells of two workers: 2 × 30 / 10 = 6, not 6 × 3 = 18.
    assert tracked([30, 30, 30, 30], desired=2) == [2, 2, 6, 6]
    assert tracked([30, 30, 30, 40], desired=2) == [2, 2, 6, 8]


def test_after_the_cool_down_what_runs_is_the_reference() -> None:
    assert tracked([30, 30, 30, 30, 20], desired=2) == [2, 2, 6, 6, 12]


def test_tracking_stops_at_the_limits() -> None:
    assert tracked([900, 900, 900], desired=2, most=40)[-1] == 40
    assert tracked([0.0] * 15, desired=9, least=2)[-1] == 2


def test_tracking_shrinks_after_fifteen_minutes_below_nine_tenths_and_not_again_within_its_cool_down() -> None:
    # 20 tasks at 5 images each: 20 × 5 / 10 = 10 after the fifteenth minute, the next step five minutes later.
    after = tracked([5.0] * 22, desired=20)
    assert after[13:16] == [20, 10, 10]
    assert after[19:21] == [10, 5]


def test_just_below_the_target_nothing_shrinks() -> None:
    assert set(tracked([9.0] * 40, desired=20)) == {20}


def test_minutes_without_data_neither_grow_nor_shrink() -> None:
    assert set(tracked([30, 30, None, 30, 30, None], desired=2)) == {2}
    assert set(tracked([*[0.0] * 14, None, *[0.0] * 14], desired=9)) == {9}


def test_from_none_there_is_no_way_up_but_the_step() -> None:
    assert set(tracked([7.0] * 10, desired=0)) == {0}
    assert set(tracked([500.0] * 10, desired=0)) == {0}
    state = SteppingState(FIRST)
    assert state.feed(1.0, now_s=0, desired=0, least=0, most=40) == 1


def test_a_step_waits_for_its_cool_down() -> None:
    state = SteppingState(FIRST)
    after = [state.feed(1.0, now_s=60.0 * minute, desired=minute, least=0, most=40) for minute in range(4)]
    # Up at minutes 0 and 2; in between the alarm rings on and the cool-down of 120 s holds.
    assert after == [1, 1, 3, 3]


def test_steps_are_chosen_by_how_far_the_value_is_above_the_threshold() -> None:
    policy = replace(
        FIRST, steps=(Step(lower=0, upper=10, change=1), Step(lower=10, upper=None, change=5)), cooldown_s=0
    )
    state = SteppingState(policy)
    assert state.feed(10.9, now_s=0, desired=0, least=0, most=40) == 1
    assert state.feed(11.0, now_s=60, desired=0, least=0, most=40) == 5
    assert SteppingState(replace(policy, exact=True)).feed(50, now_s=0, desired=9, least=0, most=40) == 5


@pytest.mark.parametrize(
    ("missing", "rings"),
    [(Missing.BREACHING, True), (Missing.NOT_BREACHING, False), (Missing.IGNORE, True), (Missing.MISSING, True)],
)
def test_an_alarm_that_rings_treats_missing_data_as_it_is_told(missing: Missing, rings: bool) -> None:
    state = AlarmState(replace(FIRST.alarm, missing=missing))
    assert state.feed(1.0)
    assert not state.feed(None), "it was ringing before"
    assert state.ringing is rings


def test_an_alarm_needs_so_many_of_the_last_minutes() -> None:
    state = AlarmState(replace(FIRST.alarm, periods=3, needed=2))
    assert [state.feed(value) for value in (1, 0, 0, 1, 1, 1, 0, 0)] == [
        False, False, False, False, True, False, False, False,
    ]  # fmt: skip
    assert not state.ringing
