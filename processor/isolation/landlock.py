"""File rules that a process lays on itself (Landlock, Linux 5.13 and later): what is not listed does not exist for it.

Our own hundred lines: the packages that bind it are weeks or months old, and this is a wall. Kernel interface:
Documentation/userspace-api/landlock.rst.
"""

import ctypes
import errno
import os
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

from processor.isolation import kernel
from processor.isolation.syscalls import LANDLOCK

OLDEST_USEFUL = 2
"""Version 1 refuses every move from one folder into another, which is how a rendition gets its name."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1


class Access(IntFlag):
    """Rights to files, in the kernel's order."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_SINCE = {Access.REFER: 2, Access.TRUNCATE: 3, Access.IOCTL_DEV: 5}
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
_READ = Access.READ_FILE | Access.READ_DIR
_WRITE = (
    _READ
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.REMOVE_DIR
    | Access.REMOVE_FILE
    | Access.MAKE_DIR
    | Access.MAKE_REG
    | Access.REFER
)
_ALL_TCP, _ALL_SCOPES = 0b11, 0b11
"""Binding and connecting; abstract sockets and signals."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """The kernel's version of the interface; 0 where there is none."""
    if kernel.architecture() is None:
        return 0
    try:
        return kernel.syscall(LANDLOCK["create_ruleset"], None, ctypes.c_size_t(0), _VERSION_FLAG)
    except OSError:
        return 0


def why_not() -> str | None:
    """Why file rules cannot be had here, or None when they can."""
    found = version()
    if found >= OLDEST_USEFUL:
        return None
    if found == 0:
        return "the kernel offers no file rules (Landlock)"
    return f"the kernel's file rules (Landlock) are of version {found}; {OLDEST_USEFUL} is needed"


def restrict(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Leave this process these files and folders, with all below them. For good, and for what it may start.

    Paths that do not exist are passed over. Nothing can be executed. Where the kernel can, TCP and signals to others
    are refused as well.

    Raises:
        OSError: the kernel refuses.
    """
    found = version()
    if found < OLDEST_USEFUL:
        raise OSError(errno.ENOSYS, why_not())
    handled = Access(0)
    for right in Access:
        if _SINCE.get(right, 1) <= found:
            handled |= right
    ruleset = _Ruleset(handled, _ALL_TCP if found >= 4 else 0, _ALL_SCOPES if found >= 6 else 0)
    size = 8 if found < 4 else 16 if found < 6 else 24
    rules = kernel.syscall(LANDLOCK["create_ruleset"], ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    try:
        for paths, rights in ((readable, _READ), (writable, _WRITE)):
            for path in paths:
                _allow(rules, path, rights & handled)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.syscall(LANDLOCK["restrict_self"], rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: Access) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _OF_FILES
        rule = _PathBeneath(allowed, place)
        kernel.syscall(LANDLOCK["add_rule"], rules, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
