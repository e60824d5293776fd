"""Calls into the kernel that Python has no function for."""

import ctypes
import os
import platform
import sys
from functools import cache
from typing import Final

from processor.isolation.syscalls import ARCHITECTURES, Architecture

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_GET_SECCOMP: Final = 21
PR_SET_NO_NEW_PRIVS: Final = 38


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def architecture() -> Architecture | None:
    """This machine's, or None where it is not one that the tables know, or the system is not Linux."""
    return ARCHITECTURES.get(platform.machine()) if sys.platform.startswith("linux") else None


def syscall(number: int, *arguments: object) -> int:
    """Make a system call.

    Raises:
        OSError: what the kernel says.
    """
    call = _libc().syscall
    call.restype = ctypes.c_long
    answer = call(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(answer)


def prctl(option: int, value: int = 0) -> int:
    """Set or ask something about this process.

    Raises:
        OSError: what the kernel says.
    """
    zero = ctypes.c_ulong(0)
    answer = _libc().prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(answer)


def hide_memory() -> None:
    """Close this process's memory and environment, below /proc, to other processes of the same user.

    For those that hold secrets beside decoders. It binds no superuser, and does nothing where the system is not Linux.
    """
    if sys.platform.startswith("linux"):
        prctl(PR_SET_DUMPABLE, 0)
