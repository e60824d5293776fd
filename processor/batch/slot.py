"""The parent's side of one worker process: a pool of one, thrown away whole when its process dies.

A pool's workers share one channel and one lock, and a worker killed while it holds the lock stalls all of them. A pool
of a single worker shares with nobody, and replacing it replaces channel and lock too.
"""

import contextlib
import os
import pickle
import signal
import threading
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import BaseContext
from queue import SimpleQueue

from pebble import CONSTS, ProcessExpired, ProcessPool

from processor.batch.board import Board, BoardRow
from processor.batch.task import ImageTask, Outcome, WorkerSetup
from processor.batch.worker import initialise, run_image

CONSTS.term_timeout = 1.0
"""Workers have no SIGTERM handler, so one that is not gone after a second hangs in the kernel and gets SIGKILL."""

_LOST_AFTER_S = 0.5
_TIMEOUT_GRACE_S = 15.0
_LOG_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Delivered:
    """The worker answered."""

    outcome: Outcome


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


Ending = Delivered | Died | TimedOut | NeverBegan


@dataclass(frozen=True, slots=True)
class SlotEvent:
    """An attempt of a slot has ended."""

    slot: int
    token: int


class Slot:
    """One worker process and at most one image in its hands."""

    def __init__(
        self,
        *,
        setup: WorkerSetup,
        context: BaseContext,
        tasks_per_worker: int,
        board: Board,
        events: "SimpleQueue[SlotEvent | None]",
    ) -> None:
        self.number = setup.slot
        self.task: ImageTask | None = None
        self.submitted_s = 0.0
        self._setup, self._context, self._tasks_per_worker = setup, context, tasks_per_worker
        self._board, self._events = board, events
        self._future: Future[bytes] | None = None
        self._suspect_since_s: float | None = None
        self._retiring: list[threading.Thread] = []
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            max_tasks=self._tasks_per_worker,
            initializer=initialise,
            initargs=(self._setup,),
            context=self._context,
        )

    @property
    def busy(self) -> bool:
        """Whether an image is in hand."""
        return self.task is not None

    def submit(self, task: ImageTask) -> None:
        """Hand an image to the worker, starting one if there is none. An event follows in every case."""
        self.task = task
        self.submitted_s = time.monotonic()
        self._suspect_since_s = None
        timeout_s = self._setup.limits.timeout_s
        try:
            if not self._pool.active:
                self.replace()
            self._future = self._pool.schedule(run_image, args=(task,), timeout=timeout_s)
        except (RuntimeError, BrokenProcessPool, OSError) as error:
            self._future = Future()
            self._future.set_exception(BrokenProcessPool(str(error)))
        self._future.add_done_callback(partial(self._announce, task.token))

    def _announce(self, token: int, _future: "Future[bytes]") -> None:
        self._events.put(SlotEvent(self.number, token))

    def collect(self) -> Ending:
        """How the attempt ended; frees the slot. The worker is replaced unless it delivered."""
        if self.task is None or self._future is None:
            raise RuntimeError("nothing is in hand")
        token, future = self.task.token, self._future
        self.task = self._future = None
        error = future.exception()
        if error is None:
            return Delivered(pickle.loads(future.result()))  # noqa: S301 - written by our own worker
        self.replace()
        if isinstance(error, TimeoutError):
            return TimedOut()
        if isinstance(error, ProcessExpired):
            return Died(error.exitcode)
        if self._board.read(self.number).token == token:
            return Died(None)
        return NeverBegan(f"{error} {self.log_tail().strip()[-500:]}".strip())

    def check(self) -> None:
        """Announce the end of an attempt that the pool itself has lost sight of.

        It does so when a worker exits with code 0, or when it dies in the moment in which it is handed an image.
        """
        if self.task is None or self._future is None or self._future.done():
            return
        now_s = time.monotonic()
        row = self.row()
        began = row.token == self.task.token
        overdue = now_s - self.submitted_s > self._setup.limits.timeout_s + _TIMEOUT_GRACE_S
        if (began and not _is_alive(row.pid)) or not self._pool.active or overdue:
            self._suspect_since_s = self._suspect_since_s or now_s
            if overdue or now_s - self._suspect_since_s > _LOST_AFTER_S:
                lost = self._future
                self._future = Future()
                self._future.set_exception(TimeoutError() if overdue else _lost_error(began))
                lost.cancel()
                self._announce(self.task.token, self._future)
        else:
            self._suspect_since_s = None

    def row(self) -> BoardRow:
        """What the worker wrote on the board."""
        return self._board.read(self.number)

    def log_tail(self) -> str:
        """The last that the worker printed."""
        try:
            data = self._setup.log_path.read_bytes()
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
