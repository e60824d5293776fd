"""The parent's side of one worker process: a pool of one, thrown away whole when its process dies.

A pool's workers share one channel and one lock, and a worker killed while it holds the lock stalls all of them. A pool
of a single worker shares with nobody, and replacing it replaces channel and lock too.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from processor.batch import trust
from processor.batch.board import Board, BoardRow

CONSTS.term_timeout = 1.0
"""Workers have no SIGTERM handler, so one that is not gone after a second hangs in the kernel and gets SIGKILL."""

_LOST_AFTER_S = 0.5
_START_S = 15.0
"""That a process may take before it begins its first image: no part of the image's time."""
_LOG_TAIL_BYTES = 16 * 1024


class Task(Protocol):
    """Work for a slot: a picklable record of names and numbers."""

    @property
    def token(self) -> int:
        """Number of this attempt, unique among all slots; the process writes it on the board when it begins."""


TaskT = TypeVar("TaskT", bound=Task)
OutcomeT = TypeVar("OutcomeT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a slot's process runs.

    Attributes:
        initialise: called with `setup`, once in every process; it has to start with child.prepare_process.
        setup: what a process learns once; picklable.
        run: called with every task; returns the pickled outcome. It has to start with child.begin_attempt.
        log_path: where the process writes what it prints.
    """

    initialise: Callable[[Any], None]
    setup: object
    run: Callable[[Any], bytes]
    log_path: Path


@dataclass(frozen=True, slots=True)
class Delivered(Generic[OutcomeT]):
    """The worker answered."""

    outcome: OutcomeT


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended with the image in hand. `exit_code` is negative for a signal, None when unknown."""

    exit_code: int | None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The image used up its time and the worker was killed."""


@dataclass(frozen=True, slots=True)
class NeverBegan:
    """The worker was gone before it began the image."""

    why: str


Ending = Delivered[OutcomeT] | Died | TimedOut | NeverBegan


@dataclass(frozen=True, slots=True)
class SlotEvent:
    """An attempt of a slot has ended."""

    slot: int
    token: int


class Slot(Generic[TaskT, OutcomeT]):
    """One worker process and at most one image in its hands."""

    def __init__(
        self,
        *,
        number: int,
        program: Program,
        context: BaseContext,
        tasks_per_worker: int,
        board: Board,
        announce: Callable[[SlotEvent], object],
    ) -> None:
        """`announce` is told, in any thread, that an attempt has ended; the owner then calls `collect`."""
        self.number = number
        self.task: TaskT | None = None
        self.submitted_s = 0.0
        self._timeout_s = 0.0
        self._program, self._context, self._tasks_per_worker = program, context, tasks_per_worker
        self._board, self._tell = board, announce
        self._future: Future[bytes] | None = None
        self._suspect_since_s: float | None = None
        self._retiring: list[threading.Thread] = []
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            max_tasks=self._tasks_per_worker,
            initializer=self._program.initialise,
            initargs=(self._program.setup,),
            context=self._context,
        )

    @property
    def busy(self) -> bool:
        """Whether an image is in hand."""
        return self.task is not None

    def submit(self, task: TaskT, *, timeout_s: float) -> None:
        """Hand an image to the worker, starting one if there is none. An event follows in every case.

        Args:
            task: what to do.
            timeout_s: after so long the process is killed.
        """
        self.task, self._timeout_s = task, timeout_s
        self.submitted_s = time.monotonic()
        self._suspect_since_s = None
        try:
            if not self._pool.active:
                self.replace()
            # Without the pool's own time limit: it reads the time of day, which jumps when a machine's clock is set.
            self._future = self._pool.schedule(self._program.run, args=(task,))
        except (RuntimeError, BrokenProcessPool, OSError) as error:
            self._future = Future()
            self._future.set_exception(BrokenProcessPool(str(error)))
        self._future.add_done_callback(partial(self._announce, task.token))

    def _announce(self, token: int, _future: "Future[bytes]") -> None:
        self._tell(SlotEvent(self.number, token))

    def collect(self) -> Ending[OutcomeT]:
        """How the attempt ended; frees the slot. The worker is replaced unless it delivered.

        One that answers with what cannot be read has not delivered: it counts as died, with an unknown exit code.
        """
        if self.task is None or self._future is None:
            raise RuntimeError("nothing is in hand")
        token, future = self.task.token, self._future
        self.task = self._future = None
        error = future.exception()
        if error is None:
            try:
                return Delivered(trust.loads(future.result()))
            except Exception:  # noqa: BLE001 - bytes that nobody vouches for fail to be read in many ways
                self.replace()
                return Died(None)
        self.replace()
        if isinstance(error, TimeoutError):
            return TimedOut()
        if isinstance(error, ProcessExpired):
            return Died(error.exitcode)
        if self._board.read(self.number).token == token:
            return Died(None)
        return NeverBegan(f"{error} {self.log_tail().strip()[-500:]}".strip())

    def check(self) -> None:
        """End an attempt whose time is over, and announce the end of one that the pool has lost sight of.

        The pool does so when a worker exits with code 0, or when it dies in the moment in which it is handed an image.
        Call it a few times a second.
        """
        if self.task is None or self._future is None or self._future.done():
            return
        now_s = time.monotonic()
        row = self.row()
        began = row.token == self.task.token
        if now_s > (row.started_s if began else self.submitted_s + _START_S) + self._timeout_s:
            self.kill()
            self._end(TimeoutError())
        elif (began and not _is_alive(row.pid)) or not self._pool.active:
            self._suspect_since_s = self._suspect_since_s or now_s
            if now_s - self._suspect_since_s > _LOST_AFTER_S:
                self._end(_lost_error(began))
        else:
            self._suspect_since_s = None

    def _end(self, error: Exception) -> None:
        """End the attempt in the pool's place."""
        if self.task is None or self._future is None:
            return
        lost, self._future = self._future, Future()
        self._future.set_exception(error)
        lost.cancel()
        self._announce(self.task.token, self._future)

    def row(self) -> BoardRow:
        """What the worker wrote on the board."""
        return self._board.read(self.number)

    def log_tail(self) -> str:
        """The last that the worker printed."""
        try:
            data = self._program.log_path.read_bytes()
        except OSError:
            return ""
        return data[-_LOG_TAIL_BYTES:].decode(errors="replace")

    def kill(self) -> None:
        """Kill the worker at once."""
        row = self.row()
        if self.task is not None and row.token == self.task.token and row.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(row.pid, signal.SIGKILL)

    def replace(self) -> None:
        """Throw the pool away and make a new one; its process starts with the next image."""
        self._retire()
        self._pool = self._new_pool()

    def _retire(self) -> None:
        pool = self._pool
        pool.stop()
        # A thread, because a dead worker can leave the pool's own threads waiting on its channel for good.
        thread = threading.Thread(target=pool.join, name=f"retire-{self.number}", daemon=True)
        thread.start()
        self._retiring = [*(old for old in self._retiring if old.is_alive()), thread]

    def close(self) -> None:
        """End the worker; returns at once."""
        self._retire()

    def wait_closed(self, deadline_s: float) -> None:
        """Wait until the worker's process is gone, at most until `deadline_s` of time.monotonic()."""
        for thread in self._retiring:
            thread.join(max(0.0, deadline_s - time.monotonic()))


def _lost_error(began: bool) -> Exception:
    return ProcessExpired("ended without a trace", code=0) if began else BrokenProcessPool("the worker did not begin")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
