"""The record of a batch and the figures derived from it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from processor.errors import Stage
from processor.report import amdahl
from processor.result import ImageResult, Status
from processor.types import Verdict


class SpanEnd(StrEnum):
    """How one attempt at an image ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    RETRIED = "retried"
    """Its process died or met a passing fault; the image went back to the queue."""
    REQUEUED = "requeued"
    """It needed more memory than it was granted and went back to the queue."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One attempt on the timeline.

    Attributes:
        slot: the worker slot, from 0.
        index: the image's place in the results.
        start_s, end_s: seconds since the batch began.
        cpu_s: processor seconds that it used, 0 when its process died.
    """

    slot: int
    index: int
    start_s: float
    end_s: float
    cpu_s: float
    end: SpanEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPart:
    """Core-seconds in which the batch had a worker's place but did no work, and why.

    Attributes:
        name, why: what it is called and how it comes about.
        lost_s: core-seconds; negative for work that the places' account does not contain.
        fraction: its part of the serial fraction, or None when that is not defined.
    """

    name: str
    why: str
    lost_s: float
    fraction: float | None


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """Everything that is known of a finished batch. Seconds are wall time unless the name says cpu.

    Attributes:
        results: one record per image, in the order of the inputs.
        spans: every attempt, by slot and time.
        recipe_name, recipe_digest: what was made.
        inputs: what the caller named.
        out_dir: absolute path of the output folder.
        started_at: ISO 8601, UTC.
        jobs: worker places.
        memory_budget_bytes: what all workers together were allowed.
        wall_s: from the call to the end of the last worker.
        discovery_s: looking for inputs.
        start_up_s: until the first image began.
        closing_s: after the last image ended.
        start_up_cpu_s: processor seconds of worker processes before their images: loading code.
        parent_cpu_s: processor seconds of the parent.
        licence_wait_s: image-seconds spent waiting for licence seats.
        memory_wait_s: place-seconds idle because memory was granted to others.
        stopped: why the batch ended early, or None.
        interrupted: whether Ctrl-C or SIGTERM ended it.
        strict: whether suspect images count as failures in the exit code.
        not_isolated: what the workers were not kept from, and why; empty when they were closed in entirely.
    """

    results: tuple[ImageResult, ...]
    spans: tuple[Span, ...] = ()
    recipe_name: str = ""
    recipe_digest: str = ""
    inputs: tuple[str, ...] = ()
    out_dir: str = ""
    started_at: str = ""
    jobs: int = 1
    memory_budget_bytes: int = 0
    wall_s: float = 0.0
    discovery_s: float = 0.0
    start_up_s: float = 0.0
    closing_s: float = 0.0
    start_up_cpu_s: float = 0.0
    parent_cpu_s: float = 0.0
    licence_wait_s: float = 0.0
    memory_wait_s: float = 0.0
    stopped: str | None = None
    interrupted: bool = False
    strict: bool = False
    not_isolated: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        """How many images ended in this way."""
        return sum(result.status is status for result in self.results)

    @property
    def suspects(self) -> int:
        """Images that were developed although their file looks damaged."""
        return sum(r.status is not Status.FAILED and r.verdict is Verdict.SUSPECT for r in self.results)

    @property
    def exit_code(self) -> int:
        """0 when every image is there, 1 when one failed or was cancelled, or is suspect in strict mode.

        130 when the batch was interrupted, as shells have it for SIGINT.
        """
        if self.interrupted:
            return 130
        bad = self.count(Status.FAILED) + self.count(Status.CANCELLED) + (self.suspects if self.strict else 0)
        return 1 if bad else 0

    @cached_property
    def stage_s(self) -> dict[str, float]:
        """Wall seconds by stage, summed over the images of this batch (not the skipped), in the pipeline's order."""
        sums = {stage.value: 0.0 for stage in Stage}
        for result in (result for result in self.results if result.status is not Status.SKIPPED):
            for stage, seconds in result.timings.items():
                sums[stage] = sums.get(stage, 0.0) + seconds
        return sums

    @cached_property
    def worker_cpu_s(self) -> float:
        """Processor seconds of all attempts at all images."""
        return sum(span.cpu_s for span in self.spans)

    @property
    def peak_memory_bytes(self) -> int:
        """The largest resident memory of any worker process."""
        return max((result.peak_memory_bytes for result in self.results), default=0)

    @property
    def images_per_s(self) -> float:
        """Images developed (not skipped) per second."""
        return self._rate(lambda _: 1.0)

    @property
    def megapixels_per_s(self) -> float:
        """Sensor megapixels developed per second."""
        return self._rate(lambda result: result.megapixels)

    @property
    def megabytes_per_s(self) -> float:
        """Megabytes (10^6) of originals developed per second."""
        return self._rate(lambda result: result.size_bytes / 1e6)

    def _rate(self, amount: Callable[[ImageResult], float]) -> float:
        if self.wall_s <= 0:
            return 0.0
        return sum(amount(result) for result in self.results if result.status is Status.OK) / self.wall_s

    @property
    def work_cpu_s(self) -> float:
        """Processor seconds of the images and of the parent: the work that had to be done."""
        return self.worker_cpu_s + self.parent_cpu_s

    @property
    def speed_up(self) -> float | None:
        """Measured: processor seconds of workers and parent per second of wall time; None without work."""
        return self.work_cpu_s / self.wall_s if self.wall_s > 0 and self.worker_cpu_s > 0 else None

    @property
    def serial_fraction(self) -> float | None:
        """Karp and Flatt's e for the measured speed-up on `jobs` places; None for one place."""
        return None if self.speed_up is None else amdahl.karp_flatt(self.speed_up, self.jobs)

    @property
    def amdahl_limit(self) -> float | None:
        """The largest speed-up that this serial fraction allows; None when it is not defined or not above 0."""
        fraction = self.serial_fraction
        return amdahl.limit(min(1.0, fraction)) if fraction is not None and fraction > 0 else None

    @property
    def predicted(self) -> dict[int, float]:
        """Amdahl's speed-up by number of cores, for the measured serial fraction; empty when it is not defined."""
        fraction = self.serial_fraction
        if fraction is None:
            return {}
        return {cores: amdahl.speed_up(min(1.0, max(0.0, fraction)), cores) for cores in amdahl.CORES}

    @cached_property
    def lost_parts(self) -> tuple[LostPart, ...]:
        """Why the places were not all at work all the time. The parts add up to jobs × wall - work, exactly."""
        places_s = self.jobs * self.wall_s
        by_slot: dict[int, list[Span]] = {}
        for span in self.spans:
            by_slot.setdefault(span.slot, []).append(span)
        busy_s = sum(span.end_s - span.start_s for span in self.spans)
        end_s = max((span.end_s for span in self.spans), default=self.wall_s)
        firsts = [min(span.start_s for span in spans) for spans in by_slot.values()]
        lasts = [max(span.end_s for span in spans) for spans in by_slot.values()]
        start_up_s = sum(firsts)
        unused_s = (self.jobs - len(by_slot)) * end_s
        tail_s = sum(end_s - last for last in lasts)
        closing_s = self.jobs * (self.wall_s - end_s)
        between_s = places_s - busy_s - start_up_s - unused_s - tail_s - closing_s
        memory_s = min(self.memory_wait_s, max(0.0, between_s))
        parts = (
            ("start-up", "until each place began its first image: finding inputs, loading code", start_up_s),
            ("imbalance", "places without work at the end, or with more places than images", tail_s + unused_s),
            ("memory", "between two images of a place: kept empty because memory was granted to others", memory_s),
            (
                "hand-over",
                "between two images of a place: dispatch, new processes after a crash",
                between_s - memory_s,
            ),
            ("closing", "after the last image: ending workers", closing_s),
            ("licences", "images waiting for a licence seat", self.licence_wait_s),
            (
                "waiting inside",
                "images waiting for storage or for a busy processor, and images whose process died",
                busy_s - self.worker_cpu_s - self.licence_wait_s,
            ),
            ("parent", "the parent's own work, done meanwhile: counts as work, so it is taken off", -self.parent_cpu_s),
        )
        return tuple(
            LostPart(name=name, why=why, lost_s=lost_s, fraction=self._fraction(lost_s)) for name, why, lost_s in parts
        )

    def _fraction(self, lost_s: float) -> float | None:
        if self.jobs <= 1 or self.work_cpu_s <= 0:
            return None
        return amdahl.share_of_serial_fraction(lost_s, self.work_cpu_s, self.jobs)
