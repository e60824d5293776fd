"""What crosses the process boundary: ids, object keys and names of files in scratch. Never pixels, never secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from processor.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceSetup:
    """Seats by licence, and where the database is that counts them. The password is read by whoever connects."""

    seats: Mapping[str, int]
    region: str
    host: str
    port: int
    database: str
    sslmode: str
    secret_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSetup:
    """What a child process learns once, when it starts.

    Attributes:
        slot: number of its slot, its row on the board.
        function: import path `module:callable` of the work on one image, with the signature of pipeline.develop.
        decoders: where isolated decoders are had.
        also_writable: folders that the function may write besides its own.
        scratch: folder for files in flight.
        board_path, log_path: as in processor.batch.
        decoder_log_path: what log_path is, for this child's decoders.
        limits: what one image may cost; the memory of each comes with its task.
        region, uploads_bucket, vault_bucket, results_bucket: where objects are.
        licences: None when no stage needs a licence.
    """

    slot: int
    function: str
    decoders: Path
    also_writable: tuple[Path, ...]
    scratch: Path
    board_path: Path
    log_path: Path
    decoder_log_path: Path
    limits: Limits
    region: str
    uploads_bucket: str
    vault_bucket: str
    results_bucket: str
    licences: LicenceSetup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """One attempt at one image.

    Attributes:
        token: number of this attempt, unique in this worker.
        folder: the image's folder below scratch's trees, its own; what an earlier attempt fetched is found there.
        size_bytes: as announced and checked after the upload.
        in_vault: whether the vault has the original already.
        recipe_digest: name of the recipe's file in scratch.
        grant_bytes: memory that this attempt may use.
    """

    token: int
    job_id: UUID
    image_id: UUID
    tenant: str
    folder: str
    source_key: str
    size_bytes: int
    in_vault: bool
    recipe_digest: str
    grant_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveTask:
    """One attempt at the archive of one job. `folder` holds the rows of its images, written by the supervisor."""

    token: int
    job_id: UUID
    tenant: str
    folder: str
    grant_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRendition:
    """A rendition that is in the results bucket."""

    rendition: str
    key: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMade:
    """An image whose renditions are all stored. `timings` are wall seconds by stage, `fetch` and `deliver` added."""

    renditions: tuple[MadeRendition, ...]
    vault_key: str
    verdict: str | None
    evidence: tuple[str, ...]
    timings: dict[str, float]
    megapixels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMade:
    """An archive that is in the results bucket."""

    key: str
    size_bytes: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsMore:
    """The image's plan needs more memory than was granted."""

    needed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """It could not be done: reason code, the stage that is to blame, a sentence.

    `is_outage`: storage was away, or scratch had no room. Every other image would have failed the same way now.
    """

    code: str
    stage: str
    message: str
    is_outage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a child sends back for one attempt.

    Attributes:
        seconds: wall time of the attempt.
        cpu_s: processor seconds of the attempt; of these `develop_cpu_s` in the processor, `transfer_cpu_s` to move
            bytes from and to storage.
        peak_memory_bytes: most resident memory that the process has had.
    """

    token: int
    result: ImageMade | ArchiveMade | NeedsMore | Failure
    seconds: float
    cpu_s: float
    develop_cpu_s: float = 0.0
    transfer_cpu_s: float = 0.0
    licence_wait_s: float = 0.0
    peak_memory_bytes: int = 0
