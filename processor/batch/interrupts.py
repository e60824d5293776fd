"""Notes SIGINT and SIGTERM instead of letting them tear the batch apart at any line."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """A context in which interrupts are counted.

    Outside the main thread, which alone can handle signals, it counts nothing.

    Attributes:
        count: interrupts so far.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called in the signal handler: it must be safe there, as SimpleQueue.put is."""
        self.count = 0
        self._wake = wake
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._wake()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
