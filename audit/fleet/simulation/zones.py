"""Availability zones: which are up, and where the next machine goes."""

from collections.abc import Mapping, Sequence


class Zones:
    """The zones of a fleet."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._down: set[str] = set()
        self._turn = 0

    def name(self, number: int) -> str:
        """A zone by its place."""
        return self._names[number % len(self._names)]

    def lose(self, zone: str) -> None:
        """Nothing runs or starts in it."""
        self._down.add(zone)

    def restore(self, zone: str) -> None:
        """It is back."""
        self._down.discard(zone)

    def is_up(self, zone: str) -> bool:
        """Whether anything runs there."""
        return zone not in self._down

    def emptiest(self, counts: Mapping[str, int]) -> str | None:
        """The zone with the fewest, of those that are up; None when none is."""
        up = [name for name in self._names if name not in self._down]
        return min(up, key=lambda name: counts.get(name, 0), default=None)

    def next(self) -> str | None:
        """One zone after the other."""
        up = [name for name in self._names if name not in self._down]
        self._turn += 1
        return up[self._turn % len(up)] if up else None
