"""What a batch tells while it runs, for live displays."""

from dataclasses import dataclass

from processor.batch.counter import Counts
from processor.errors import Stage
from processor.report.model import BatchReport
from processor.result import ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """An image that is being developed now."""

    slot: int
    source: str
    stage: Stage
    elapsed_s: float
    attempt: int


class BatchObserver:
    """Receives the events of one batch, all in the thread that runs it. Every method may be left as it is here."""

    def on_start(self, total: int, jobs: int) -> None:
        """The inputs are known and the workers are starting."""

    def on_progress(self, counts: Counts, in_flight: tuple[InFlight, ...]) -> None:
        """Called several times a second and after every result."""

    def on_result(self, result: ImageResult) -> None:
        """An image is settled."""

    def on_stopping(self, why: str) -> None:
        """No further image is taken: interrupted, or stopped at the first failure."""

    def on_finish(self, report: BatchReport) -> None:
        """The batch is over."""
