"""Memory of this process: how much it has had, and giving back what is free."""

import ctypes
import resource
import sys
from collections.abc import Callable
from functools import cache

_RUSAGE_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def peak_resident_bytes() -> int:
    """The most resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RUSAGE_UNIT_BYTES


def give_back() -> None:
    """Returns the free pages of the C heap, where the C library can (glibc). Costs a few milliseconds.

    Frames of tens of megabytes leave the heap in pieces that the library keeps for later. Beside the sensor values of
    the next original they would set the peak, and so the number of workers that fit on a machine.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], object] | None:
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim
