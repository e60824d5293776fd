"""Starts worker processes the safe way: never by fork from a process that has threads, one numeric thread each."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, popen_forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from processor.batch.trust import receive_records

PRELOAD = "processor.batch.preload"

_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])


class _Popen(popen_forkserver.Popen):
    """A child whose exit code is read by one thread at a time.

    The standard class reads it from a pipe, once; starting any process polls all others, so two threads can meet
    there, and the one that comes second finds the pipe empty and notes exit code 255 for a child that was killed.
    """

    def __init__(self, process_obj: BaseProcess) -> None:
        self._poll_lock = threading.Lock()
        super().__init__(process_obj)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        if not self._poll_lock.acquire(blocking=flag != os.WNOHANG):
            return self.returncode
        try:
            return super().poll(flag)
        finally:
            self._poll_lock.release()


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> _Popen:  # noqa: N802 - the name that multiprocessing calls
        return _Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Process

    def Pipe(self, duplex: bool = True) -> "tuple[Connection[Any, Any], Connection[Any, Any]]":  # noqa: N802
        """As multiprocessing's, but this process believes nothing that comes out of it except records."""
        reader, writer = super().Pipe(duplex)
        receive_records(reader)
        return reader, writer


def start_context(*preload: str) -> BaseContext:
    """The context that workers are started in, with the fork server already loading where there is one.

    Args:
        preload: modules that the fork server loads; without any, the pipeline. They must not start threads.

    Fork is out: LibRaw's OpenMP runtime hangs in a forked child. A fork server is a clean process that loads the code
    once; its children start in milliseconds. Where it is missing, every worker loads everything itself (spawn).
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = _Context()
    context.set_forkserver_preload(list(preload) or [PRELOAD])
    with worker_environment(), _interrupts_ignored():
        forkserver.ensure_running()
    return context


def when_loaded(context: BaseContext) -> threading.Event:
    """An event that is set when processes start without delay: the fork server has loaded the code.

    To start a process before that blocks without heed of Ctrl-C, for as long as kernels that are not in the cache take
    to compile.
    """
    loaded = threading.Event()
    if not isinstance(context, _Context):
        loaded.set()
        return loaded

    def probe() -> None:
        with suppress(OSError, EOFError):
            context.Process(target=_nothing, daemon=True).start()
        loaded.set()

    threading.Thread(target=probe, name="when-loaded", daemon=True).start()
    return loaded


def stop_loading() -> None:
    """End a fork server that is still loading, which it would otherwise do to its end, even without its parent."""
    # The only place where multiprocessing keeps the process id; without it the server ends by itself, later.
    pid = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _nothing() -> None:
    """What the probe process runs."""


@contextmanager
def worker_environment() -> Iterator[None]:
    """Set, for processes started inside, what libraries read when they are loaded."""
    wanted = dict.fromkeys(_ONE_THREAD, "1")
    path = os.environ.get("PYTHONPATH")
    # The fork server ignores sys.path when it preloads, but not this variable.
    wanted["PYTHONPATH"] = _PACKAGE_ROOT if not path else os.pathsep.join((_PACKAGE_ROOT, path))
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A fork server started inside inherits this, and so do its children: Ctrl-C is the parent's alone to handle."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def limit_library_threads() -> None:
    """For libraries that are loaded already and were not told by the environment."""
    cv2 = sys.modules.get("cv2")
    if cv2 is not None:
        cv2.setNumThreads(1)
