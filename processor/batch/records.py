"""Records of images that no worker could report on: failed with their process, unreadable, or never started."""

from processor.batch.admission import Work
from processor.batch.inputs import Input
from processor.errors import ReasonCode, Stage
from processor.result import ImageResult, Status


def failed(work: Work, reason: ReasonCode, stage: Stage, message: str) -> ImageResult:
    """A failure that the parent found out."""
    return ImageResult(
        source=work.source,
        status=Status.FAILED,
        reason=reason,
        stage=stage,
        message=message,
        attempts=max(1, work.attempts),
    )


def cancelled(work: Work, message: str) -> ImageResult:
    """An image that was not started, or not finished, because the batch ended early."""
    return ImageResult(source=work.source, status=Status.CANCELLED, message=message, attempts=work.attempts)


def unreadable(original: Input) -> ImageResult:
    """An input that was known to be unreadable before any worker saw it."""
    return ImageResult(
        source=original.source,
        status=Status.FAILED,
        reason=ReasonCode.UNREADABLE,
        stage=Stage.READ,
        message=f"{original.source}: {original.problem}",
        attempts=0,
    )


def in_mib(size_bytes: int) -> str:
    """A number of bytes for a sentence."""
    return f"{size_bytes / 2**20:,.0f} MiB"
