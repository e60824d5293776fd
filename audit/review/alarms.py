"""Alarms that a change adds, removes or bends: who is called for what, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.assembly import Assembly, Resource, Value
from audit.review.values import Difference, Words, differences, paths_of, plain, shown

KINDS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
_ACTIONS = ("AlarmActions", "InsufficientDataActions", "OKActions")
_ABOVE = frozenset({"GreaterThanThreshold", "GreaterThanOrEqualToThreshold"})
_BELOW = frozenset({"LessThanThreshold", "LessThanOrEqualToThreshold"})


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class AlarmChange:
    """One alarm that is not as it was.

    Attributes:
        name: construct path.
        effect: added, removed or changed.
        what: the condition of an alarm that is added or removed, in words.
        weaker: ways in which it calls later, less often or nobody; empty when it does not.
    """

    name: str
    effect: str
    what: str = ""
    differences: tuple[Difference, ...] = ()
    weaker: tuple[str, ...] = ()


def alarm_changes(base: Assembly, head: Assembly) -> tuple[AlarmChange, ...]:
    """Every alarm that differs.

    Args:
        base: with the head's names.
        head: what is proposed.
    """
    before, after = ({alarm.address: alarm for alarm in assembly.of_kind(*KINDS)} for assembly in (base, head))
    words = Words(paths=paths_of(base, head))
    found = []
    for address in sorted({*before, *after}):
        old, new = before.get(address), after.get(address)
        if old is None and new is not None:
            found.append(AlarmChange(name=_name(new), effect="added", what=condition(new)))
        elif new is None and old is not None:
            gone = ("nobody is called for it any more",)
            found.append(AlarmChange(name=_name(old), effect="removed", what=condition(old), weaker=gone))
        elif old is not None and new is not None and (different := tuple(_different(old, new, words))):
            weaker = tuple(_weaker(old.properties, new.properties, words))
            found.append(AlarmChange(name=_name(new), effect="changed", differences=different, weaker=weaker))
    return tuple(sorted(found))


def condition(alarm: Resource) -> str:
    """When an alarm calls: `ApproximateAgeOfOldestMessage > 900 for 3 of 3 times 60 s`."""
    properties = alarm.properties
    if "AlarmRule" in properties:
        return shown(plain(properties["AlarmRule"]))
    metric = properties.get("MetricName") or "an expression over metrics"
    operator = {
        "GreaterThanThreshold": ">",
        "GreaterThanOrEqualToThreshold": "≥",
        "LessThanThreshold": "<",
        "LessThanOrEqualToThreshold": "≤",
    }.get(str(properties.get("ComparisonOperator")), str(properties.get("ComparisonOperator")))
    periods = properties.get("EvaluationPeriods", 1)
    count = properties.get("DatapointsToAlarm", periods)
    period = f" times {properties['Period']} s" if "Period" in properties else ""
    return f"{metric} {operator} {properties.get('Threshold', 'what is normal')} for {count} of {periods}{period}"


def _different(old: Resource, new: Resource, words: Words) -> Iterator[Difference]:
    """Properties that differ, without tags, which call nobody."""
    before, after = ({k: v for k, v in alarm.properties.items() if k != "Tags"} for alarm in (old, new))
    return differences(plain(before, words), plain(after, words))


def _name(alarm: Resource) -> str:
    return alarm.path.removesuffix("/Resource")


def _weaker(old: Mapping[str, Value], new: Mapping[str, Value], words: Words) -> Iterator[str]:
    if old.get("ActionsEnabled", True) is not False and new.get("ActionsEnabled", True) is False:
        yield "its actions are turned off"
    for key in _ACTIONS:
        gone = [action for action in _list(old.get(key)) if action not in _list(new.get(key))]
        if gone:
            yield f"{key}: {', '.join(shown(plain(action, words)) for action in gone)} is not called any more"
    operator = str(new.get("ComparisonOperator"))
    before, after = _number(old.get("Threshold")), _number(new.get("Threshold"))
    if before is not None and after is not None and old.get("ComparisonOperator") == operator:
        further = after > before if operator in _ABOVE else after < before and operator in _BELOW
        if further:
            yield f"it takes more to set it off: {old['Threshold']} → {new['Threshold']}"
    if _patience(new) > _patience(old):
        yield f"it waits longer: {_patience(old):g} s → {_patience(new):g} s"
    if old.get("TreatMissingData") == "breaching" != new.get("TreatMissingData", "missing"):
        yield "missing data do not set it off any more"


def _patience(properties: Mapping[str, Value]) -> float:
    """Seconds that something has to be wrong; periods of alarms over expressions are taken as minutes."""
    count = _number(properties.get("DatapointsToAlarm", properties.get("EvaluationPeriods", 1)))
    return (count or 1) * (_number(properties.get("Period")) or 60)


def _number(value: Value) -> float | None:
    try:
        return float(str(value)) if value is not None else None
    except ValueError:
        return None


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
