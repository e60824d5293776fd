"""How our kernels are compiled, and where their machine code is kept so that no process has to compile them again.

Numba's own cache does not serve a deployment. It wants to write beside the source, so it ignores what was compiled
there once the tree is read-only; it keys machine code by the exact CPU, so that code made on a build machine is of no
use on another; and it watches only the file that a kernel stands in, not those it calls. Here machine code

- is looked for in the package's own folder first, which may be read-only, then in the user's cache folder;
- is compiled for a level of the x86-64 instruction set that many CPUs share, not for one CPU. Measured on a CPU with
  AVX-512, level 4 is as fast as code for that very CPU and level 3 (AVX2) takes 1.4 times as long;
- is valid for the content of every source file with kernels, so that a copy or a checkout does not outdate it;
- is never needed: where nothing can be stored, kernels compile in memory.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba.core.caching import CompileResultCacheImpl as _CacheImplementation
from numba.core.caching import FunctionCache, IndexDataCacheFile, _CacheLocator

_PACKAGE: Final = Path(__file__).parent
SHIPPED: Final = _PACKAGE / "_kernels"
"""Machine code that comes with the installation."""

_SOURCES: Final = ("jit.py", "demosaic/*.py", "unpack/*.py")

_LEVELS: Final = (
    ("x86-64-v4", ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
    ("x86-64-v3", ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")),
    ("x86-64-v2", ("sse4.2", "popcnt", "ssse3", "cx16")),
)
"""Levels of the x86-64 psABI from high to low, with features that a CPU must have beyond the level below."""

_OPTIONS: Final[dict[str, Any]] = {
    "nogil": True,
    "fastmath": True,
    "boundscheck": False,
    "error_model": "numpy",
}


def instruction_level(features: dict[str, bool]) -> str | None:
    """The highest x86-64 level that a CPU with these features has; None for other CPUs, which numba knows best."""
    reached = None
    for name, needed in reversed(_LEVELS):
        if not all(features.get(feature, False) for feature in needed):
            break
        reached = name
    return reached


def _choose_target() -> None:
    """Let numba compile for the host's level, unless someone has chosen a CPU by NUMBA_CPU_NAME."""
    if numba.config.CPU_NAME is None:
        level = instruction_level(dict(llvm.get_host_cpu_features()))
        if level is not None:
            numba.config.CPU_NAME = level
            numba.config.CPU_FEATURES = "+sse2"  # the level says it all, but numba wants to be told a feature


_choose_target()


def helper(function: Callable[..., Any]) -> Any:
    """Compile a function that only kernels call."""
    return numba.njit(**_OPTIONS)(function)


def kernel(*argument_types: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls, for one list of argument types, through the cache above."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**_OPTIONS)(function)
        dispatcher._cache = _KernelCache(function)
        _KERNELS.append((dispatcher, argument_types))
        return dispatcher

    return decorate


_KERNELS: list[tuple[Any, tuple[Any, ...]]] = []


def load_all() -> None:
    """Load every kernel that has been imported, compiling those that no cache holds."""
    for dispatcher, argument_types in _KERNELS:
        dispatcher.compile(argument_types)


def compiled_here() -> int:
    """How many kernels this process had to compile because no cache held them."""
    return sum(sum(dispatcher.stats.cache_misses.values()) for dispatcher, _ in _KERNELS)


def user_folder() -> Path:
    """Where machine code goes when the installation is read-only."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR) / "rawmill"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rawmill" / "kernels"


@cache
def _digest_of_sources() -> bytes:
    digest = hashlib.sha256(repr(sorted(_OPTIONS.items())).encode())
    for path in _source_files():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


def _source_files() -> Iterable[Path]:
    return sorted(path for pattern in _SOURCES for path in _PACKAGE.glob(pattern))


class _Locator(_CacheLocator):  # type: ignore[misc]
    """Names a kernel's entry and its state of freshness for numba."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._line = function.__code__.co_firstlineno
        self._py_file = function.__code__.co_filename  # numba's warnings name it

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "_Locator":  # noqa: ARG003
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(SHIPPED)

    def ensure_cache_path(self) -> None:
        """Nothing: folders are made when something is written to them."""

    def get_source_stamp(self) -> bytes:
        return _digest_of_sources()

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Implementation(_CacheImplementation):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """Loads from the first folder that has the kernel, writes to the first that can be written."""

    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._files = [
            IndexDataCacheFile(
                cache_path=str(folder),
                filename_base=self._impl.filename_base,
                source_stamp=self._impl.locator.get_source_stamp(),
            )
            for folder in (SHIPPED, user_folder())
        ]

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        key = self._index_key(sig, target_context.codegen())
        for file in self._files:
            try:
                data = file.load(key)
            except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError):
                continue  # unreadable, or of another version: as good as not there
            if data is not None:
                return self._impl.rebuild(target_context, data)
        return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        if not self._impl.check_cachable(data):
            return
        key, reduced = self._index_key(sig, data.codegen), self._impl.reduce(data)
        for file in self._files:
            try:
                Path(file._cache_path).mkdir(parents=True, exist_ok=True)
                file.save(key, reduced)
            except OSError:
                continue
            return
