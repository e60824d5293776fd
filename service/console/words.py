"""Status, verdicts and reason codes in words: what happened, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from processor.errors import ReasonCode
from service.jobs.models import JobStatus
from service.jobs.reasons import ServiceReason

Words = str | Promise


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code for people.

    Attributes:
        what: what happened.
        remedy: what they do about it.
    """

    what: Words
    remedy: Words


_TRY_AGAIN = _("Retry it; if it fails again, tell your operator.")
_UPLOAD_AGAIN = _("Copy it from the card again and upload it in a new job.")

REASONS: Mapping[str, Reason] = {
    ReasonCode.UNSUPPORTED_CODEC: Reason(
        _("This kind of RAW file cannot be read."), _("Convert it to DNG, or ask your operator about this camera.")
    ),
    ReasonCode.TRUNCATED: Reason(_("The end of the file is missing."), _UPLOAD_AGAIN),
    ReasonCode.DAMAGED: Reason(_("The file is damaged."), _UPLOAD_AGAIN),
    ReasonCode.TOO_LARGE: Reason(
        _("The picture has more pixels or bytes than are taken."), _("Ask your operator about the limits.")
    ),
    ReasonCode.NOT_AN_IMAGE: Reason(_("This is no camera RAW file."), _("Leave it out.")),
    ReasonCode.UNREADABLE: Reason(_("The file could not be read."), _TRY_AGAIN),
    ReasonCode.OUT_OF_MEMORY: Reason(_("The picture needed more memory than there was."), _TRY_AGAIN),
    ReasonCode.TIMED_OUT: Reason(_("Developing it took too long."), _TRY_AGAIN),
    ReasonCode.DECODER_CRASH: Reason(_("The file made the decoder fail; it is probably damaged."), _UPLOAD_AGAIN),
    ReasonCode.FILTER_FAILED: Reason(
        _("A filter of the recipe failed."), _("Use another recipe, or tell your operator.")
    ),
    ReasonCode.LICENCE_TIMEOUT: Reason(_("All seats of a licence were taken for too long."), _TRY_AGAIN),
    ReasonCode.STORE_FAILED: Reason(_("The result could not be stored."), _TRY_AGAIN),
    ReasonCode.INTERNAL_ERROR: Reason(_("Something broke on our side."), _TRY_AGAIN),
    ServiceReason.WORKER_LOST: Reason(_("The machines that worked on it went away."), _TRY_AGAIN),
    ServiceReason.CANCELLED: Reason(
        _("The job was cancelled before this picture began."), _("Upload it in a new job.")
    ),
    ServiceReason.EXPIRED: Reason(_("The job was not finished in time."), _("Upload what is missing in a new job.")),
    ServiceReason.UPLOAD_MISMATCH: Reason(
        _("What was uploaded is not the file that was announced."), _("Upload it in a new job.")
    ),
    ServiceReason.ORIGINAL_MISSING: Reason(_("The original is not in storage any more."), _("Upload it in a new job.")),
    ServiceReason.ARCHIVE_FAILED: Reason(
        _("All pictures are done, but the archive could not be written."), _("Retry it, or download them one by one.")
    ),
}
_UNKNOWN = Reason(_("It failed for a reason that this page does not know."), _TRY_AGAIN)

VERDICTS: Mapping[str, Words] = {
    "ok": _("Sound"),
    "suspect": _("Look at it"),
    "damaged": _("Damaged"),
}

JOB_STATUS: Mapping[str, Words] = {
    JobStatus.PENDING: _("Waiting"),
    JobStatus.PROCESSING: _("In work"),
    JobStatus.COMPLETED: _("Done"),
    JobStatus.FAILED: _("Failed"),
    JobStatus.CANCELLED: _("Cancelled"),
}

IMAGE_STATUS: Mapping[str, Words] = {
    "missing": _("Not uploaded yet"),
    "pending": _("Waiting"),
    "processing": _("In work"),
    "completed": _("Done"),
    "failed": _("Failed"),
}


def reason_of(code: str | None) -> Reason:
    """The words for a reason code."""
    return REASONS.get(code or "", _UNKNOWN)
