"""What goes into transitions and what comes out: frozen records without any tie to a database row."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.jobs.models import Job, JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that a customer announces."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """What makes a repeated `POST` the same one. `body_digest` is the hex SHA-256 of the body."""

    key: str
    body_digest: str


class IdempotencyConflict(Exception):  # noqa: N818 - a fact about the request, not a failure
    """The key was used with another body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A job and its images in the order of the files. `replayed`: it was there already, by an idempotency key."""

    job: Job
    image_ids: tuple[UUID, ...]
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to develop one image until the lease is over.

    Attributes:
        attempts: how often the image was claimed, this time included.
        waited_s: seconds since its message was sent, None when that was never written down.
    """

    job_id: UUID
    image_id: UUID
    tenant: str
    name: str
    size_bytes: int
    source_key: str
    vault_key: str | None
    recipe: dict[str, Any]
    recipe_digest: str
    attempts: int
    lease_token: UUID
    waited_s: float | None


class RefusalReason(StrEnum):
    """Why there is nothing to do. All but BUSY mean that the message can be deleted."""

    GONE = "gone"
    """No such job or image."""
    SETTLED = "settled"
    """Done before: a duplicate delivery, or an archive of a job that has been reopened since."""
    CANCELLED = "cancelled"
    """The job was cancelled, or has expired."""
    BUSY = "busy"
    """Another worker has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """No claim. For BUSY `retry_after_s` says when the other worker's lease is over."""

    reason: RefusalReason
    lease_until: datetime | None = None
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRendition:
    """A rendition in the results bucket. Sizes in pixels and bytes."""

    rendition: str
    key: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What developing an image gave. `timings` are wall seconds by stage."""

    outputs: tuple[StoredRendition, ...]
    vault_key: str | None = None
    verdict: str | None = None
    evidence: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The row says what became of the image. `job_settled`: it was the job's last one; exactly one caller hears so."""

    job_settled: bool
    job_status: JobStatus

    @property
    def archive_due(self) -> bool:
        """Whether the caller should send the archive message at once (else the sweeper does)."""
        return self.job_settled and self.job_status == JobStatus.PROCESSING


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost:
    """Nothing was changed: the lease was over and the image is another worker's, or settled by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveClaim:
    """The right to write a job's archive until the lease is over."""

    job_id: UUID
    tenant: str
    recipe: dict[str, Any]
    images_total: int
    images_completed: int
    attempts: int
    lease_token: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What a cancellation did. `changed` is False when the job had ended before; `status` is the job's now."""

    changed: bool
    status: JobStatus
    images_cancelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """An image (or, without `image_id`, an archive) that is pending again; its message must be sent anew."""

    job_id: UUID
    image_id: UUID | None
