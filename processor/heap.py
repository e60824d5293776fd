"""Gives memory that is free inside this process back to the system."""

import ctypes
from collections.abc import Callable
from functools import cache


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
