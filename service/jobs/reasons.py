"""Reason codes that the service adds to the processor's (`processor.errors.ReasonCode`)."""

from enum import StrEnum


class ServiceReason(StrEnum):
    """Why an image or a job ended without the processor's doing. A contract like the processor's codes."""

    WORKER_LOST = "worker_lost"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UPLOAD_MISMATCH = "upload_mismatch"
    ORIGINAL_MISSING = "original_missing"
    ARCHIVE_FAILED = "archive_failed"


MEANINGS = {
    ServiceReason.WORKER_LOST: "every worker that took it vanished: killed, out of memory, its machine gone",
    ServiceReason.CANCELLED: "the job was cancelled before the image started",
    ServiceReason.EXPIRED: "the job was not finished within its lifetime",
    ServiceReason.UPLOAD_MISMATCH: "what was uploaded is not what was announced",
    ServiceReason.ORIGINAL_MISSING: "the original is not in storage any more",
    ServiceReason.ARCHIVE_FAILED: "all images are done, but their archive could not be written",
}

SENTENCES = {
    ServiceReason.CANCELLED: "the job was cancelled before this image started",
    ServiceReason.EXPIRED: "the job was not finished within its lifetime",
}
"""What a customer reads at an image or job that ended so."""
