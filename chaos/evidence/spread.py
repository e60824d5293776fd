"""Several measurements of one time: the median, and how far they lie apart."""

import statistics
from collections.abc import Iterable, Sequence


def spread(seconds: Iterable[float]) -> str:
    """`2.1 s (1.8 to 2.6)`: the median with the shortest and the longest; a dash where nothing was measured."""
    found = sorted(seconds)
    if not found:
        return "–"
    middle = statistics.median(found)
    return f"{middle:.1f} s ({found[0]:.1f} to {found[-1]:.1f})" if len(found) > 1 else f"{middle:.1f} s"


def middle_one(seconds: Sequence[float]) -> int:
    """Which of them is the median, the lower one of two."""
    ranked = sorted(range(len(seconds)), key=lambda at: seconds[at])
    return ranked[(len(ranked) - 1) // 2]
