"""The worker's side of a batch: runs one image after another in a process that may die at any moment."""

import contextlib
import errno
import faulthandler
import fcntl
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing import connection
from pathlib import Path
from typing import Any

from processor.batch.board import Board
from processor.batch.counter import Counter
from processor.batch.environment import limit_library_threads
from processor.batch.memory import limit_own_memory, private_bytes
from processor.batch.task import ImageTask, Outcome, WorkerSetup
from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.heap import peak_resident_bytes
from processor.licences import Licences, open_licences
from processor.plugins import load_plugins
from processor.recipe import Recipe
from processor.result import ImageResult, Status

TRANSIENT_ERRNOS = frozenset({errno.EIO, errno.ESTALE, errno.EINTR, errno.EAGAIN})
_NO_ROOM_ERRNOS = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})
_UNREADABLE_ERRNOS = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
)


@dataclass(slots=True)
class _Worker:
    """What lives as long as the process."""

    setup: WorkerSetup
    function: Callable[..., ImageResult]
    recipe: Recipe
    board: Board
    counter: Counter
    licences: Licences | None
    baseline_bytes: int | None
    start_up_cpu_s: float


_worker: _Worker | None = None


def initialise(setup: WorkerSetup) -> None:
    """Prepare this process: called once by the pool, before the first image."""
    global _worker  # noqa: PLW0603 - the pool calls plain functions; a process has one worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's handler runs Python code, which a decoder that hangs in C never returns to.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent()
    _redirect_output(setup.log_path)
    module, _, name = setup.function.partition(":")
    function = getattr(import_module(module), name)
    limit_library_threads()
    load_plugins(setup.plugins)
    recipe = Recipe.model_validate_json(setup.recipe_path.read_bytes())
    _worker = _Worker(
        setup=setup,
        function=function,
        recipe=recipe,
        board=Board(setup.board_path),
        counter=Counter(setup.counter_path),
        licences=None if setup.licences is None else open_licences(setup.licences),
        baseline_bytes=private_bytes(),
        start_up_cpu_s=time.process_time(),
    )
    # What is loaded now stays: the collector need not walk it again, and its pages stay shared with the fork server.
    gc.freeze()


def run_image(task: ImageTask) -> bytes:
    """Run one attempt and return its pickled Outcome.

    Pickled here, so that a record that cannot be pickled is this image's failure and not the end of the process.
    """
    if _worker is None:
        raise RuntimeError("the worker was not initialised")
    worker = _worker
    started_s, started_cpu_s = time.monotonic(), time.process_time()
    worker.board.begin(worker.setup.slot, token=task.token, pid=os.getpid(), started_s=started_s)
    os.ftruncate(sys.__stderr__.fileno() if sys.__stderr__ else 2, 0)
    waited_s = worker.licences.waited_s if worker.licences else 0.0
    result, needed_bytes, transient = _attempt(worker, task)
    cpu_s = time.process_time() - started_cpu_s
    if result is not None:
        result = replace(
            result,
            attempts=task.attempt,
            cpu_s=cpu_s,
            peak_memory_bytes=peak_resident_bytes(),
        )
    outcome = Outcome(
        token=task.token,
        result=result,
        needed_bytes=needed_bytes,
        transient=transient,
        started_s=started_s,
        ended_s=time.monotonic(),
        licence_wait_s=(worker.licences.waited_s if worker.licences else 0.0) - waited_s,
        cpu_s=cpu_s,
        start_up_cpu_s=worker.start_up_cpu_s,
    )
    worker.start_up_cpu_s = 0.0
    message = _pickle(outcome, task, worker.board.read(worker.setup.slot).stage)
    if result is not None and not (transient and task.may_retry):
        worker.counter.settle(task.index, result.status)
    return message


class _StageClock:
    """Follows an image through its stages: tells the board and keeps the time of each."""

    def __init__(self, board: Board, slot: int) -> None:
        self._board, self._slot = board, slot
        self.stage = Stage.READ
        self.seconds: dict[str, float] = {}
        self._since_s = time.monotonic()

    def __call__(self, stage: Stage) -> None:
        self._board.enter(self._slot, stage)
        self.close()
        self.stage = stage

    def close(self) -> None:
        now_s = time.monotonic()
        self.seconds[self.stage.value] = self.seconds.get(self.stage.value, 0.0) + now_s - self._since_s
        self._since_s = now_s


def _attempt(worker: _Worker, task: ImageTask) -> tuple[ImageResult | None, int, bool]:
    """Result (None: needs more memory), bytes needed, whether the failure may pass."""
    clock = _StageClock(worker.board, worker.setup.slot)
    limit_own_memory(task.grant_bytes, worker.baseline_bytes)
    try:
        result = worker.function(
            Path(task.source),
            worker.recipe,
            worker.setup.out_dir,
            stem=task.stem,
            limits=replace(worker.setup.limits, memory_bytes=task.grant_bytes),
            on_stage=clock,
            licences=worker.licences,
        )
        return replace(result, source=task.source), 0, False
    except NeedsMemory as request:
        return None, request.needed_bytes, False
    except BaseException as error:  # noqa: BLE001 - whatever one image raises, the batch goes on
        clock.close()
        reason, stage, message = _blame(error, clock.stage)
        failure = ImageResult(
            source=task.source,
            status=Status.FAILED,
            reason=reason,
            stage=stage,
            message=message,
            size_bytes=_size_bytes(task.source),
            timings=clock.seconds,
        )
        return failure, 0, _is_transient(error)


def _blame(error: BaseException, stage: Stage) -> tuple[ReasonCode, Stage, str]:
    if isinstance(error, ImageError):
        return error.reason, error.stage or stage, str(error)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return (
            ReasonCode.OUT_OF_MEMORY,
            stage,
            f"the memory granted to this image was used up at stage {stage}. Use fewer jobs or a larger memory budget",
        )
    if isinstance(error, OSError):
        sentence = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
        if error.errno in _NO_ROOM_ERRNOS or stage is Stage.STORE:
            return ReasonCode.STORE_FAILED, stage, f"a rendition could not be stored: {sentence}"
        if stage in {Stage.READ, Stage.DECODE} and error.errno in _UNREADABLE_ERRNOS | TRANSIENT_ERRNOS:
            return ReasonCode.UNREADABLE, stage, f"the original could not be read: {sentence}"
    return ReasonCode.INTERNAL_ERROR, stage, f"{type(error).__name__} at stage {stage}: {error}"


def _is_transient(error: BaseException | None) -> bool:
    """Whether an input/output error that can pass is at the bottom of this error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS:
            return True
        error = error.__cause__
    return False


def _size_bytes(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except (OSError, ValueError):
        return 0


def _pickle(outcome: Outcome, task: ImageTask, stage: Stage) -> bytes:
    try:
        return pickle.dumps(outcome)
    except Exception as error:  # noqa: BLE001 - pickling runs code of the record's parts
        failure = ImageResult(
            source=task.source,
            status=Status.FAILED,
            reason=ReasonCode.INTERNAL_ERROR,
            stage=stage,
            message=f"its record cannot leave the worker process: {error}",
            attempts=task.attempt,
        )
        return pickle.dumps(replace(outcome, result=failure))


def _redirect_output(log_path: Path) -> None:
    """Send what libraries print, and the trace of a crash, to a file that the parent can read afterwards."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable(2, all_threads=False)


def _die_with_parent() -> None:
    """End this process when the batch's process is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel: Any = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    if sys.platform.startswith("linux"):
        # A thread cannot run while C code holds the interpreter lock; the kernel's SIGIO ends the process even then.
        with contextlib.suppress(OSError):
            signal.signal(signal.SIGIO, signal.SIG_DFL)
            fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
