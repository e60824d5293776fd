"""Counts settled images across all processes: exact, and unharmed when a process is killed while it counts.

One byte per image holds how it ended. Totals are derived from these bytes and never stored, so there is no second
number that a crash could leave behind. The lock is the kernel's (flock): it is released when its holder dies, which
a multiprocessing semaphore is not.
"""

import fcntl
import mmap
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from processor.result import Status

_CODES = {status: code for code, status in enumerate(Status, start=1)}
_STATUSES = {code: status for status, code in _CODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many images of a batch have ended, and how."""

    total: int
    ok: int = 0
    skipped: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def settled(self) -> int:
        """Images that have ended in whatever way."""
        return self.ok + self.skipped + self.failed + self.cancelled


class Counter:
    """The shared counter. Every process opens the same file; instances must not be inherited through fork."""

    def __init__(self, path: Path) -> None:
        """Open an existing counter.

        Raises:
            OSError: the file cannot be opened or mapped.
        """
        self._thread_lock = threading.Lock()
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._total = os.fstat(self._fd).st_size
        self._states = mmap.mmap(self._fd, self._total) if self._total else None

    @classmethod
    def create(cls, path: Path, total: int) -> Self:
        """Make and open a counter for `total` images."""
        path.write_bytes(bytes(total))
        return cls(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # flock excludes other processes but not other threads of this one, which share the open file.
        with self._thread_lock:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def settle(self, index: int, status: Status) -> Status:
        """Note how an image ended, once: the first call counts.

        Returns:
            The status that stands, which is an earlier one when the image was settled before.
        """
        states = self._row(index)
        with self._locked():
            if states[index] == 0:
                states[index] = _CODES[status]
            return _STATUSES[states[index]]

    def amend(self, index: int, status: Status) -> None:
        """Replace how an image ended: for the parent, when a worker settled an image and died before it could tell."""
        states = self._row(index)
        with self._locked():
            states[index] = _CODES[status]

    def status(self, index: int) -> Status | None:
        """How an image ended, or None while it has not."""
        return _STATUSES.get(self._row(index)[index])

    def counts(self) -> Counts:
        """The totals of this moment."""
        with self._locked():
            states = bytes(self._states) if self._states is not None else b""
        return Counts(
            total=self._total, **{status.value: states.count(code) for status, code in _CODES.items() if code in states}
        )

    def _row(self, index: int) -> mmap.mmap:
        if self._states is None or not 0 <= index < self._total:
            raise IndexError(f"image {index} is not one of the {self._total} of this batch")
        return self._states

    def close(self) -> None:
        """Unmap and close the file."""
        if self._states is not None:
            self._states.close()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
