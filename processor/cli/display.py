"""The live display of a batch: a bar, what every worker is at, and every failure as it happens."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from processor.batch.counter import Counts
from processor.batch.observer import BatchObserver, InFlight
from processor.result import ImageResult, Status
from processor.types import Verdict

PLAIN_INTERVAL_S = 10.0
_MOST_ROWS = 16


class LiveDisplay(BatchObserver):
    """Shows a batch on standard error: live on a terminal, a line now and then in a log file."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("[bold]develop"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._total = 0
        self._megapixels = 0.0
        self._began_s = self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_start(self, total: int, jobs: int) -> None:
        self._total = total
        self._began_s = self._said_s = time.monotonic()
        self._task = self._progress.add_task("develop", total=total, rate="")
        self._console.print(f"{total} originals, {jobs} workers")
        if self._console.is_terminal:
            self._live.start()

    def on_progress(self, counts: Counts, in_flight: tuple[InFlight, ...]) -> None:
        if self._console.is_terminal:
            self._progress.update(self._task, completed=counts.settled, rate=self._rate(counts))
            self._live.update(Group(self._progress, _workers(in_flight)))
        elif time.monotonic() - self._said_s >= PLAIN_INTERVAL_S:
            self._said_s = time.monotonic()
            rate = self._rate(counts)
            so_far = f"{counts.settled} of {self._total} done, {counts.failed} failed"
            self._console.print(f"{so_far}, {rate}" if rate else so_far)

    def on_result(self, result: ImageResult) -> None:
        self._megapixels += result.megapixels if result.status is Status.OK else 0
        if result.status is Status.FAILED:
            where = f" in {result.stage.value}" if result.stage else ""
            reason = result.reason.value if result.reason else "failed"
            line = f"[red]failed[/]   {escape(result.source)}: {reason}{where}: {escape(result.message or '')}"
        elif result.verdict is Verdict.SUSPECT:
            line = f"[yellow]suspect[/]  {escape(result.source)}: {escape('; '.join(result.evidence))}"
        else:
            return
        self._console.print(line, soft_wrap=True)

    def on_stopping(self, why: str) -> None:
        self._console.print(f"[yellow]stopping[/]: {escape(why)}; images in hand are finished first")

    def _rate(self, counts: Counts) -> str:
        elapsed_s = time.monotonic() - self._began_s
        done = counts.ok + counts.failed
        return f"{done / elapsed_s:.1f} images/s, {self._megapixels / elapsed_s:.0f} MP/s" if done else ""


def _workers(in_flight: tuple[InFlight, ...]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for image in in_flight[:_MOST_ROWS]:
        again = f" (attempt {image.attempt})" if image.attempt > 1 else ""
        table.add_row(image.stage.value, escape(image.source) + again, f"{image.elapsed_s:.1f} s")
    if len(in_flight) > _MOST_ROWS:
        table.add_row("", f"… and {len(in_flight) - _MOST_ROWS} more", "")
    return table
