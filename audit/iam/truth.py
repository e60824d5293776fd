"""Three-valued truth: what a policy says about a request of which not everything is known."""

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """Yes, no, or it depends on what the question left open."""

    NO = 0
    OPEN = 1
    YES = 2

    def __bool__(self) -> bool:
        raise TypeError("a Truth has three values; compare it with one of them")


def both(truths: Iterable[Truth]) -> Truth:
    """All of them; YES of none."""
    return min(truths, key=lambda truth: truth.value, default=Truth.YES)


def either(truths: Iterable[Truth]) -> Truth:
    """Any of them; NO of none."""
    return max(truths, key=lambda truth: truth.value, default=Truth.NO)


def opposite(truth: Truth) -> Truth:
    """Not."""
    return Truth(2 - truth.value)


def of(holds: bool) -> Truth:
    """A plain truth."""
    return Truth.YES if holds else Truth.NO
