"""Closes a process in, and says what this system can close.

What a process is refused is decided by the kernel and cannot be taken back; it holds for memory that a damaged file
has taken over as for our own code.
"""

import os
import platform
import resource
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from processor.isolation import kernel, landlock, seccomp

_PROCESSOR = Path(__file__).resolve().parents[1]
_SYSTEM: Final = (
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/dev/urandom", "/dev/zero",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu",
)  # fmt: skip
"""What libraries read while they work: other libraries, fonts, the number of cores."""

_KEPT_VARIABLES: Final = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "LD_LIBRARY_PATH"),
        *("XDG_CACHE_HOME", "MPLCONFIGDIR"),
    }
)
_KEPT_PREFIXES: Final = ("PYTHON", "NUMBA_", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "VECLIB_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cage:
    """What a process is left with.

    Attributes:
        readable: files and folders that it may read, beside Python's and the system's libraries.
        writable: folders in which it may do as it likes.
        threads: whether it may start threads.
        file_bytes: largest file that it may write.
        open_files: most descriptors that it may have.
    """

    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    threads: bool = False
    file_bytes: int = 1 << 30
    open_files: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What this system can close, and a sentence for everything that it cannot.

    Attributes:
        network: no socket of any kind.
        programs: no other program, no other process is started.
        processes: no other process is read, traced or signalled.
        files: no file is seen or written but those that are listed.
        limits: bounds on memory, processor time, file size, descriptors, processes and core dumps.
        missing: what is not closed, and why.
    """

    network: bool
    programs: bool
    processes: bool
    files: bool
    limits: bool
    missing: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@cache
def protection() -> Protection:
    """What `enter` does on this system."""
    no_filter, no_rules = seccomp.why_not(), landlock.why_not()
    where = f"{platform.system()} {platform.release()}"
    missing = []
    if no_filter:
        missing.append(f"decoders can reach the network and other processes on {where}: {no_filter}")
    if no_rules:
        missing.append(f"decoders can see every file that their user can on {where}: {no_rules}")
    return Protection(
        network=no_filter is None,
        programs=no_filter is None,
        processes=no_filter is None,
        files=no_rules is None,
        limits=os.name == "posix",
        missing=tuple(missing),
    )


def enter(cage: Cage) -> None:
    """Close this process in: everything that `protection` promises, or an error.

    Raises:
        OSError: the kernel refuses what it promised.
    """
    able = protection()
    _bound(cage)
    if able.files:
        landlock.restrict(readable=(*_libraries(), *cage.readable), writable=(Path(os.devnull), *cage.writable))
    if able.network:
        # Last: it refuses what the lines above need.
        seccomp.install(threads=cage.threads)


def guard_secrets() -> None:
    """Close this process's memory and environment to decoders, where no file rules keep them out of /proc.

    For processes that hold secrets. Elsewhere it is left alone, for it keeps people's own tools out as well.
    """
    if not protection().files:
        kernel.hide_memory()


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a decoder is given: what Python and libraries need to start, no address and no secret."""
    return {
        name: value for name, value in environment.items() if name in _KEPT_VARIABLES or name.startswith(_KEPT_PREFIXES)
    }


def _bound(cage: Cage) -> None:
    bounds: dict[int, int] = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: cage.file_bytes,
        resource.RLIMIT_NOFILE: cage.open_files,
    }
    if not cage.threads and sys.platform.startswith("linux"):
        bounds[resource.RLIMIT_NPROC] = 0
    for which, wanted in bounds.items():
        _, hard = resource.getrlimit(which)
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (limit, limit))


@cache
def _libraries() -> tuple[Path, ...]:
    """Python, its packages, the processor, and what they load. Not the folder around the processor."""
    folders = (os.path.dirname(os.__file__), *site.getsitepackages(), *_SYSTEM)  # noqa: PTH120 - of a string
    paths = {Path(sys.prefix), Path(sys.base_prefix) / "lib", _PROCESSOR, *map(Path, folders)}
    return tuple(sorted(path.resolve() for path in paths))
