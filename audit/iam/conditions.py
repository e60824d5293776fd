"""Condition blocks of policy statements over a context of which keys may be given, absent, or left open."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network

from audit.errors import NotModelledError
from audit.iam.globs import covers
from audit.iam.truth import Truth, both, either, of, opposite

ABSENT = object()
"""The request does not carry this key."""

Context = Mapping[str, object]
"""By lower-case key: a string, a tuple of strings for keys with several values, or ABSENT. What is not here is open."""


def holds(block: Mapping[str, Mapping[str, object]], context: Context) -> Truth:
    """Whether every operator's every key matches.

    Raises:
        NotModelledError: an operator is not understood.
    """
    return both(
        _entry(operator, key, _values(wanted), context)
        for operator, entries in block.items()
        for key, wanted in entries.items()
    )


def keys(block: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """The context keys that a block asks for, in lower case."""
    return frozenset(key.lower() for entries in block.values() for key in entries)


def _entry(operator: str, key: str, wanted: Sequence[str], context: Context) -> Truth:
    given = context.get(key.lower())
    if given is None:
        return Truth.OPEN
    name, quantifier, if_exists = _parts(operator)
    if name == "Null":
        return of((given is ABSENT) == (wanted[0].lower() == "true"))
    negated = name in _NEGATED
    compare = _COMPARISONS.get(_NEGATED.get(name, name))
    if compare is None:
        raise NotModelledError(f"condition operator {operator!r} is not understood")
    if given is ABSENT:
        # A negated operator is true of a key that is not there, and so is every key for all of no values; of any of
        # no values nothing is true.
        return of(if_exists or quantifier == "ForAllValues" or (negated and not quantifier))
    values = given if isinstance(given, tuple) else (given,)
    matches = [either(of(compare(str(value), pattern)) for pattern in wanted) for value in values]
    if negated:
        matches = [opposite(match) for match in matches]
    if quantifier == "ForAllValues" or (negated and not quantifier):
        return both(matches)
    return either(matches)


def _parts(operator: str) -> tuple[str, str, bool]:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    return name.removesuffix("IfExists"), quantifier, if_exists


def _values(wanted: object) -> tuple[str, ...]:
    items = wanted if isinstance(wanted, list) else [wanted]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)


def _in_block(value: str, block: str) -> bool:
    try:
        return IPv4Address(value) in IPv4Network(block, strict=False)
    except ValueError:
        return False


def _numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: compare(float(value), float(wanted))


def _dates(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: compare(datetime.fromisoformat(value), datetime.fromisoformat(wanted))


_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": lambda value, wanted: covers(wanted, value),
    "ArnEquals": lambda value, wanted: covers(wanted, value),
    "ArnLike": lambda value, wanted: covers(wanted, value),
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "IpAddress": _in_block,
    "NumericEquals": _numbers(lambda value, wanted: value == wanted),
    "NumericLessThan": _numbers(lambda value, wanted: value < wanted),
    "NumericLessThanEquals": _numbers(lambda value, wanted: value <= wanted),
    "NumericGreaterThan": _numbers(lambda value, wanted: value > wanted),
    "NumericGreaterThanEquals": _numbers(lambda value, wanted: value >= wanted),
    "DateLessThan": _dates(lambda value, wanted: value < wanted),
    "DateGreaterThan": _dates(lambda value, wanted: value > wanted),
}

_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
}
