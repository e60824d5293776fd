"""Room for lines: those that would run over each other get tracks of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

_GAP = 10.0


@dataclass(frozen=True)
class Run:
    """A straight piece of a line along a channel, with a name to find it again."""

    name: int
    first: float
    last: float


def tracks(runs: Sequence[Run]) -> dict[int, int]:
    """A track for each run, such that no two runs on one track touch; long ones lie outside."""
    taken: list[list[Run]] = []
    found: dict[int, int] = {}
    for run in sorted(runs, key=lambda item: (item.last - item.first, item.first, item.name)):
        for number, others in enumerate(taken):
            if all(run.last + _GAP < other.first or other.last + _GAP < run.first for other in others):
                others.append(run)
                found[run.name] = number
                break
        else:
            taken.append([run])
            found[run.name] = len(taken) - 1
    return found
