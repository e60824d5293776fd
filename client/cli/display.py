"""Shows progress on standard error: a bar for each phase on a terminal, a line now and then in a log file."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from client.progress import Phase
from client.transport import printable

PLAIN_INTERVAL_S = 10.0
_RATE_OVER_S = 20.0


class Display:
    """The client's progress display; a `Progress` that a terminal or a log file shows.

    Args:
        console: where to (default: standard error).
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._bars = RichProgress(
            TextColumn("[bold]{task.description:8}"),
            BarColumn(bar_width=None),
            _Amount(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
            speed_estimate_period=_RATE_OVER_S,
        )
        self._tasks: dict[Phase, TaskID] = {}
        self._said_s: dict[Phase, float] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def begin(self, phase: Phase, total: int) -> None:
        """Adds the phase's bar, or changes its total."""
        with self._lock:
            if phase in self._tasks:
                self._bars.update(self._tasks[phase], total=total)
                return
            self._tasks[phase] = self._bars.add_task(phase.value, total=total, in_bytes=phase.in_bytes)
            self._said_s[phase] = time.monotonic()

    def advance(self, phase: Phase, amount: int) -> None:
        """Moves the phase's bar."""
        with self._lock:
            self._bars.advance(self._tasks[phase], amount)
            self._say_now_and_then(phase)

    def reached(self, phase: Phase, done: int) -> None:
        """Puts the phase's bar where it belongs."""
        with self._lock:
            self._bars.update(self._tasks[phase], completed=done)
            self._say_now_and_then(phase)

    def end(self, phase: Phase) -> None:
        """Stops the phase's clock; in a log file, says how far it came."""
        with self._lock:
            if phase not in self._tasks:
                return
            self._bars.stop_task(self._tasks[phase])
            if not self._console.is_terminal:
                self._say(phase)

    def note(self, text: str) -> None:
        """Says something above the bars."""
        self._console.print(escape(printable(text)), soft_wrap=True)

    def _say_now_and_then(self, phase: Phase) -> None:
        if not self._console.is_terminal and time.monotonic() - self._said_s[phase] >= PLAIN_INTERVAL_S:
            self._say(phase)

    def _say(self, phase: Phase) -> None:
        self._said_s[phase] = time.monotonic()
        task = next(task for task in self._bars.tasks if task.id == self._tasks[phase])
        self._console.print(f"{phase.value}: {amount(task)}", soft_wrap=True)


def amount(task: Task) -> str:
    """How far a phase is, with its unit."""
    done, total = max(0, int(task.completed)), int(task.total or 0)
    if task.fields["in_bytes"]:
        return f"{decimal(done)} of {decimal(total)}"
    return f"{done} of {total} images"


class _Amount(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(amount(task), justify="right")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed or speed < 0:
            return Text("")
        return Text(f"{decimal(int(speed))}/s" if task.fields["in_bytes"] else f"{speed:.1f}/s", justify="right")
