"""Alarms are compared by whom they call, and when."""

from pathlib import Path
from typing import Any

import pytest

from audit.review.alarms import AlarmChange, alarm_changes
from tests.audit.review.pairs import assemblies, resource

ALARM: dict[str, Any] = {
    "MetricName": "ApproximateAgeOfOldestMessage",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 900,
    "EvaluationPeriods": 3,
    "Period": 60,
    "AlarmActions": [{"Ref": "Topic"}],
}


def compared(folder: Path, before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[AlarmChange, ...]:
    def side(alarm: dict[str, Any] | None) -> dict[str, Any]:
        alarms = {} if alarm is None else {"Age": resource("CloudWatch::Alarm", **alarm)}
        return {"Resources": {"Topic": resource("SNS::Topic"), **alarms}}

    return alarm_changes(*assemblies(folder, side(before), side(after)))


@pytest.mark.parametrize(
    ("change", "weaker"),
    [
        ({"Threshold": 1800}, "it takes more to set it off: 900 → 1800"),
        ({"EvaluationPeriods": 10}, "it waits longer: 180 s → 600 s"),
        ({"Period": 300}, "it waits longer: 180 s → 900 s"),
        ({"ActionsEnabled": False}, "its actions are turned off"),
        ({"AlarmActions": []}, "AlarmActions: ${One.Topic} is not called any more"),
    ],
)
def test_an_alarm_that_calls_later_or_nobody_is_weaker(tmp_path: Path, change: dict[str, Any], weaker: str) -> None:
    (found,) = compared(tmp_path, ALARM, {**ALARM, **change})
    assert found.weaker == (weaker,)


@pytest.mark.parametrize("change", [{"Threshold": 600}, {"EvaluationPeriods": 1}, {"AlarmDescription": "new"}])
def test_an_alarm_that_calls_sooner_is_not_weaker(tmp_path: Path, change: dict[str, Any]) -> None:
    (found,) = compared(tmp_path, ALARM, {**ALARM, **change})
    assert (found.effect, found.weaker) == ("changed", ())
    assert found.differences


def test_a_lower_bound_is_weaker_when_it_is_lowered(tmp_path: Path) -> None:
    below = {**ALARM, "ComparisonOperator": "LessThanThreshold"}
    (lowered,) = compared(tmp_path / "1", below, {**below, "Threshold": 100})
    (raised,) = compared(tmp_path / "2", below, {**below, "Threshold": 1000})
    assert (bool(lowered.weaker), bool(raised.weaker)) == (True, False)


def test_missing_data_that_set_an_alarm_off_and_do_not_any_more_are_told(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, {**ALARM, "TreatMissingData": "breaching"}, {**ALARM, "TreatMissingData": "ignore"})
    assert found.weaker == ("missing data do not set it off any more",)


def test_a_removed_alarm_is_told_by_its_condition(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, ALARM, None)
    assert (found.effect, found.what) == ("removed", "ApproximateAgeOfOldestMessage > 900 for 3 of 3 times 60 s")
    assert found.weaker


def test_another_tag_is_no_change_of_an_alarm(tmp_path: Path) -> None:
    tagged = {**ALARM, "Tags": [{"Key": "Team", "Value": "photos"}]}
    assert compared(tmp_path, ALARM, tagged) == ()
