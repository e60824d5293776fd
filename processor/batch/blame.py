"""Finds the reason code, the stage and the sentence for whatever an image raised, and whether it may pass."""

import errno

from processor.errors import ImageError, ReasonCode, Stage

TRANSIENT_ERRNOS = frozenset({errno.EIO, errno.ESTALE, errno.EINTR, errno.EAGAIN})
_NO_ROOM_ERRNOS = frozenset({errno.ENOSPC, errno.EROFS, errno.EDQUOT})
_UNREADABLE_ERRNOS = frozenset(
    {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
)


def blame(error: BaseException, stage: Stage) -> tuple[ReasonCode, Stage, str]:
    """Reason code, stage and sentence for an error that was raised at `stage`, unless it names its own stage."""
    if isinstance(error, ImageError):
        return error.reason, error.stage or stage, str(error)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return (
            ReasonCode.OUT_OF_MEMORY,
            stage,
            f"the memory granted to this image was used up at stage {stage}. Use fewer jobs or a larger memory budget",
        )
    if isinstance(error, OSError):
        sentence = f"{error.strerror or error} ({error.filename})" if error.filename else str(error)
        if error.errno in _NO_ROOM_ERRNOS or stage is Stage.STORE:
            return ReasonCode.STORE_FAILED, stage, f"a rendition could not be stored: {sentence}"
        if stage in {Stage.READ, Stage.DECODE} and error.errno in _UNREADABLE_ERRNOS | TRANSIENT_ERRNOS:
            return ReasonCode.UNREADABLE, stage, f"the original could not be read: {sentence}"
    return ReasonCode.INTERNAL_ERROR, stage, f"{type(error).__name__} at stage {stage}: {error}"


def has_no_room(error: BaseException | None) -> bool:
    """Whether a full disk is at the bottom of this error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        error = error.__cause__ or error.__context__
    return False


def is_transient(error: BaseException | None) -> bool:
    """Whether an input/output error that can pass is at the bottom of this error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in TRANSIENT_ERRNOS:
            return True
        error = error.__cause__
    return False
