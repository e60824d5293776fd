"""Reason codes that the service adds to the processor's (`processor.errors.ReasonCode`)."""

from enum import StrEnum


class ServiceReason(StrEnum):
    """Why an image or a job ended without the processor's doing. A contract like the processor's codes."""

    WORKER_LOST = "worker_lost"
    """Every worker that took it vanished: killed, out of memory, its machine gone."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Not finished within the life of a job."""
    UPLOAD_MISMATCH = "upload_mismatch"
    """What was uploaded is not what was announced."""
    ORIGINAL_MISSING = "original_missing"
    """The original is not in storage any more."""
    ARCHIVE_FAILED = "archive_failed"
    """All images are done, their archive could not be written."""


SENTENCES = {
    ServiceReason.CANCELLED: "the job was cancelled before this image started",
    ServiceReason.EXPIRED: "the job was not finished within its lifetime",
    ServiceReason.WORKER_LOST: "every worker that took this image was lost",
}
