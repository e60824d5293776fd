"""Errors as interface: every failure names its reason code, the stage it came from and what to do next."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why an image could not be developed. The values are a contract: reports, the API and alarms use them."""

    UNSUPPORTED_CODEC = "unsupported_codec"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    UNREADABLE = "unreadable"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    DECODER_CRASH = "decoder_crash"
    FILTER_FAILED = "filter_failed"
    LICENCE_TIMEOUT = "licence_timeout"
    STORE_FAILED = "store_failed"
    INTERNAL_ERROR = "internal_error"


class Stage(StrEnum):
    """Where in an image's life something happened. The five stages of the pipeline stand between read and store."""

    READ = "read"
    DECODE = "decode"
    RESIZE = "resize"
    FILTERS = "filters"
    WATERMARK = "watermark"
    ENCODE = "encode"
    STORE = "store"


class ProcessorError(Exception):
    """Base of every error that the processor raises on purpose."""


class UsageError(ProcessorError):
    """The caller asked for something impossible: a bad recipe, option or folder. Exit code 2."""


class RecipeError(UsageError):
    """A recipe that cannot be used. The message names the file, the key, the value and what is allowed."""


class ImageError(ProcessorError):
    """One image cannot be developed. The batch goes on.

    Attributes:
        reason: the code that reports and callers act on.
        stage: where it happened, or None when the caller adds it.
    """

    def __init__(self, reason: ReasonCode, message: str, *, stage: Stage | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.stage = stage

    def __reduce__(self) -> tuple[object, ...]:
        # The default reduction would call the class with the message alone and fail in the parent process.
        return (_rebuild_image_error, (self.reason, str(self), self.stage))


def _rebuild_image_error(reason: ReasonCode, message: str, stage: Stage | None) -> ImageError:
    return ImageError(reason, message, stage=stage)


class NeedsMemory(ProcessorError):  # noqa: N818 - a request to the batch, not a failure
    """An image needs more memory than it was granted. Raised after the header, before any pixel is read.

    Attributes:
        needed_bytes: predicted peak memory of the image.
    """

    def __init__(self, needed_bytes: int) -> None:
        super().__init__(f"needs {needed_bytes:,} bytes of memory")
        self.needed_bytes = needed_bytes

    def __reduce__(self) -> tuple[object, ...]:
        return (NeedsMemory, (self.needed_bytes,))
