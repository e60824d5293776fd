"""Shows what every worker is doing right now, in memory that survives the worker.

A worker writes its process id, its attempt and its stage into its own row of a memory-mapped file; the parent reads
the row, also after the worker was killed. A row has one writer and stages are one byte, so no lock is needed: a lock
here could be left locked by the very death that the board is there to explain.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from processor.errors import Stage

_ROW = struct.Struct("<QIIdB")  # token, pid, padding, start of the attempt, stage
_ROW_BYTES = 64
_STAGE_OFFSET = 24
_STAGES = tuple(Stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """One worker's state.

    Attributes:
        token: the attempt that the worker began last, 0 for none.
        pid: the worker's process id, 0 when it has not begun.
        started_s: time.monotonic() at which the attempt began.
        stage: the stage it is in, or was in when it died.
    """

    token: int
    pid: int
    started_s: float
    stage: Stage


class Board:
    """A fixed number of rows in a memory-mapped file."""

    def __init__(self, path: Path) -> None:
        """Map an existing board.

        Raises:
            OSError: the file cannot be opened or mapped.
        """
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    @classmethod
    def create(cls, path: Path, slots: int) -> Self:
        """Make and map a board with one empty row per slot."""
        path.write_bytes(bytes(_ROW_BYTES * slots))
        return cls(path)

    def begin(self, slot: int, *, token: int, pid: int, started_s: float) -> None:
        """Note that a worker begins an attempt; its stage is `read`."""
        _ROW.pack_into(self._memory, slot * _ROW_BYTES, token, pid, 0, started_s, 0)

    def enter(self, slot: int, stage: Stage) -> None:
        """Note the stage that a worker enters."""
        self._memory[slot * _ROW_BYTES + _STAGE_OFFSET] = _STAGES.index(stage)

    def read(self, slot: int) -> BoardRow:
        """The row of one slot."""
        token, pid, _, started_s, stage = _ROW.unpack_from(self._memory, slot * _ROW_BYTES)
        return BoardRow(token=token, pid=pid, started_s=started_s, stage=_STAGES[stage])

    def close(self) -> None:
        """Unmap the file."""
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
