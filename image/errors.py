"""What can be wrong with an image, or with the engine that has it."""

from enum import StrEnum


class ImageReason(StrEnum):
    """Reason codes of this package."""

    NO_ENGINE = "no_engine"
    NO_IMAGE = "no_image"
    TOOL_FAILED = "tool_failed"
    LICENCE_REFUSED = "licence_refused"


class ImageError(Exception):
    """One sentence that names what is wrong and what to do."""

    def __init__(self, reason: ImageReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
