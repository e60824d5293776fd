"""What crosses the process boundary: small records of names and numbers, never pixels."""

from dataclasses import dataclass
from pathlib import Path

from processor.isolation.sandbox import Cage
from processor.licences import LicenceOptions
from processor.limits import Limits
from processor.result import ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSetup:
    """Everything that a worker process learns once, when it starts.

    Attributes:
        slot: number of the slot it works for, its row on the board.
        function: import path `module:callable` of the work on one image, with the signature of pipeline.develop.
        plugins: modules and files that register custom filters.
        recipe_path: the canonical recipe file; loaded once per process.
        out_dir: where renditions go.
        limits: what one image may cost; the memory of each image comes with its task.
        board_path, counter_path: memory shared by all processes of the batch.
        log_path: receives what libraries print and the trace of a crash.
        licences: seats to ask for, or None when no stage needs a licence.
        cage: what the process is left with, or None when it is not closed in.
    """

    slot: int
    function: str
    plugins: tuple[str, ...]
    recipe_path: Path
    out_dir: Path
    limits: Limits
    board_path: Path
    counter_path: Path
    log_path: Path
    licences: LicenceOptions | None
    cage: Cage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """One attempt at one image.

    Attributes:
        token: number of this attempt, unique in the batch; tells a stale row on the board from a current one.
        index: the image's place in the batch.
        source: the original's path.
        stem: output path without extension, relative to the output folder.
        attempt: 1 for the first.
        may_retry: whether a passing fault will be given another attempt.
        grant_bytes: memory that this attempt may use.
    """

    token: int
    index: int
    source: str
    stem: str
    attempt: int
    may_retry: bool
    grant_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker sends back for one attempt. Clock readings are time.monotonic(), which processes share.

    Attributes:
        result: the image's record, or None when it asks for more memory.
        needed_bytes: predicted peak memory when the grant was too small, else 0.
        transient: the result is a failure that another attempt may cure.
        licence_wait_s: time spent waiting for licence seats.
        cpu_s: processor seconds of the attempt.
        start_up_cpu_s: processor seconds of the process before its first image; 0 for later ones.
    """

    token: int
    result: ImageResult | None
    needed_bytes: int = 0
    transient: bool = False
    started_s: float
    ended_s: float
    licence_wait_s: float = 0.0
    cpu_s: float = 0.0
    start_up_cpu_s: float = 0.0
