"""What every process of a slot does, whatever its work: signals, output, death with its owner, its row on the board."""

import contextlib
import faulthandler
import fcntl
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing import connection
from pathlib import Path
from typing import Any

from processor.batch.board import Board
from processor.batch.environment import limit_library_threads
from processor.errors import Stage
from processor.isolation.sandbox import Cage, enter


def prepare_process(log_path: Path) -> None:
    """Take over this process for a slot's work. Call it first; `settle_process` when everything is loaded.

    Args:
        log_path: receives what libraries print, and the trace of a crash.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pool's handler runs Python code, which a decoder that hangs in C never returns to.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _be_told_of_parents_death()
    _redirect_output(log_path)


def settle_process(cage: Cage | None = None) -> None:
    """Everything that lives as long as the process is loaded: close it in, where it is to be.

    Raises:
        OSError: the kernel refuses to close it in.
    """
    limit_library_threads()
    # The collector need not walk it again, and its pages stay shared with the fork server.
    gc.freeze()
    if cage is not None:
        enter(cage)
    # After that, for file rules bind the thread that lays them on and those that it starts.
    _watch_parent()


def begin_attempt(board: Board, slot: int, token: int) -> float:
    """Note on the board that an attempt begins, with an empty log; returns its time.monotonic()."""
    started_s = time.monotonic()
    board.begin(slot, token=token, pid=os.getpid(), started_s=started_s)
    os.ftruncate(sys.__stderr__.fileno() if sys.__stderr__ else 2, 0)
    return started_s


class StageClock:
    """Follows an image through its stages: tells the board and keeps the time of each.

    Attributes:
        stage: the stage that it is in.
        seconds: wall seconds by stage, complete when it is closed.
    """

    def __init__(self, board: Board, slot: int) -> None:
        self._board, self._slot = board, slot
        self.stage = Stage.READ
        self.seconds: dict[str, float] = {}
        self._since_s = time.monotonic()

    def __call__(self, stage: Stage) -> None:
        """Enter a stage."""
        self._board.enter(self._slot, stage)
        self.close()
        self.stage = stage

    def close(self) -> None:
        """Enter the time of the stage that is going on."""
        now_s = time.monotonic()
        self.seconds[self.stage.value] = self.seconds.get(self.stage.value, 0.0) + now_s - self._since_s
        self._since_s = now_s


def _redirect_output(log_path: Path) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.enable(2, all_threads=False)


def _watch_parent() -> None:
    """End this process when the process that owns the slot is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel: Any = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _be_told_of_parents_death() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and sys.platform.startswith("linux"):
        sentinel: Any = parent.sentinel
        # A thread cannot run while C code holds the interpreter lock; the kernel's SIGIO ends the process even then.
        with contextlib.suppress(OSError):
            signal.signal(signal.SIGIO, signal.SIG_DFL)
            fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
