"""What became of one image: plain records that cross the process boundary and end up in reports."""

from dataclasses import dataclass, field
from enum import StrEnum

from processor.errors import ReasonCode, Stage
from processor.types import DecodePath, Verdict


class Status(StrEnum):
    """How an image left the batch."""

    OK = "ok"
    SKIPPED = "skipped"
    """All renditions were there already, made from the same bytes by the same recipe."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Not started or not finished: the batch was interrupted, or stopped at its first failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One stored rendition. `path` is relative to the output folder; sizes in pixels and bytes."""

    rendition: str
    path: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """The record of one image.

    Attributes:
        source: the original as the caller named it.
        status, verdict, reason, stage, message: what happened; reason, stage and message are None for a success.
        evidence: sentences behind a verdict other than ok.
        outputs: the stored renditions, in the recipe's order.
        timings: wall seconds by stage name.
        cpu_s: user and system seconds that the image took in its worker process.
        peak_memory_bytes: high-water resident memory of the worker process after this image.
        attempts: how often the image was started.
    """

    source: str
    status: Status
    verdict: Verdict | None = None
    evidence: tuple[str, ...] = ()
    reason: ReasonCode | None = None
    stage: Stage | None = None
    message: str | None = None
    decode_path: DecodePath | None = None
    megapixels: float = 0.0
    size_bytes: int = 0
    outputs: tuple[Output, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    attempts: int = 1
