"""A system-call filter (seccomp-BPF): what a decoder never needs and an intruder would use is refused.

Our own hundred lines, because what there is binds libseccomp, which slim images do not have, or is weeks old. A list of
refusals with a ceiling, and not of permissions: numeric libraries differ in what they call from one release and one
processor to the next, and a decoder that dies of a harmless call is an outage. What is left, files and memory, is
bounded by Landlock and by resource limits.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from typing import Final

from processor.isolation import kernel
from processor.isolation.syscalls import CHECKED, HIGHEST_KNOWN, REFUSED, Architecture

_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_CLONE_THREAD: Final = 0x10000
_SIGNAL_OWNERS: Final = (8, 15)
"""fcntl's F_SETOWN and F_SETOWN_EX: they make the kernel send signals to any process of the user."""
_TERMINAL_AND_OWNER: Final = (0x5412, 0x541C, 0x8901, 0x8902)
"""ioctl's TIOCSTI and TIOCLINUX type into a terminal; FIOSETOWN and SIOCSPGRP are fcntl's by another name."""

Instruction = tuple[int, int, int, int]


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def why_not() -> str | None:
    """Why filters cannot be had here, or None when they can."""
    machine = kernel.architecture()
    if machine is None:
        return "no system-call filter for this system or processor"
    try:
        kernel.prctl(kernel.PR_GET_SECCOMP)
        action = ctypes.c_uint32(_ERRNO)
        kernel.syscall(_number("seccomp", machine), _GET_ACTION_AVAIL, 0, ctypes.byref(action))
    except OSError as error:
        return f"the kernel offers no system-call filter: {error.strerror}"
    return None


def install(*, threads: bool) -> None:
    """Close this process in. For good, for all its threads, and for what it may start.

    Args:
        threads: whether it may start threads. It may start no process in any case.

    Raises:
        OSError: the kernel refuses.
    """
    machine = kernel.architecture()
    if machine is None:
        raise OSError(errno.ENOSYS, why_not())
    instructions = build(machine, own_pid=os.getpid(), threads=threads)
    array = (_Instruction * len(instructions))(*(_Instruction(*one) for one in instructions))
    program = _Program(len(instructions), array)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    all_threads = 1  # SECCOMP_FILTER_FLAG_TSYNC
    kernel.syscall(_number("seccomp", machine), _SET_MODE_FILTER, all_threads, ctypes.byref(program))


def build(machine: Architecture, *, own_pid: int, threads: bool) -> list[Instruction]:
    """The filter's program: (code, jump if true, jump if false, value), each."""
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, machine.audit),
        # Numbers of another architecture mean other calls.
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_GREATER, 0, 1, HIGHEST_KNOWN),
        _refuse(errno.ENOSYS),
    ]
    numbers = sorted(pair[machine.column] or -1 for pair in REFUSED.values())
    for number in numbers:
        if number >= 0:
            program += _when(number, [_refuse(errno.EPERM)])
    checked = {name: _number(name, machine) for name in CHECKED}
    # The C library then takes clone, whose flags can be seen.
    program += _when(checked["clone3"], [_refuse(errno.ENOSYS)])
    program += _when(checked["clone"], _unless_flag(_CLONE_THREAD) if threads else [_refuse(errno.EPERM)])
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        program += _when(checked[name], _only(0, (own_pid,)))
    program += _when(checked["prlimit64"], _only(0, (0, own_pid)))
    program += _when(checked["fcntl"], _never(1, _SIGNAL_OWNERS))
    program += _when(checked["ioctl"], _never(1, _TERMINAL_AND_OWNER))
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _number(name: str, machine: Architecture) -> int:
    number = CHECKED[name][machine.column]
    if number is None:
        raise KeyError(name)
    return number


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _when(number: int, then: Sequence[Instruction]) -> list[Instruction]:
    """For one system call; `then` has to return. The call's number is loaded before and after."""
    return [(_EQUAL, 0, len(then), number), *then]


def _only(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allow these values of an argument's low half, which is all that process ids, commands and requests have."""
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [
        (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
        *tests,
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _never(argument: int, values: Sequence[int]) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [
        (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
        *tests,
        (_RETURN, 0, 0, _ALLOW),
        _refuse(errno.EPERM),
    ]


def _unless_flag(flag: int) -> list[Instruction]:
    """Refuse a call whose first argument lacks a flag."""
    return [
        (_LOAD, 0, 0, _ARGUMENTS_AT),
        (_ANY_BIT, 0, 1, flag),
        (_RETURN, 0, 0, _ALLOW),
        _refuse(errno.EPERM),
    ]
