"""What an operation tells about itself while it runs. Front ends listen; the operations know none of them."""

from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """The three phases of a job, as its owner sees them."""

    UPLOAD = "upload"
    DEVELOP = "develop"
    DOWNLOAD = "download"

    @property
    def in_bytes(self) -> bool:
        """Whether the phase is measured in bytes; else it is measured in images."""
        return self is not Phase.DEVELOP


class Progress(Protocol):
    """Hears of progress, from several threads at once."""

    def begin(self, phase: Phase, total: int) -> None:
        """A phase begins, or its total became known better."""

    def advance(self, phase: Phase, amount: int) -> None:
        """So much was done; negative when a broken attempt has to be done again."""

    def reached(self, phase: Phase, done: int) -> None:
        """So much is done in all."""

    def end(self, phase: Phase) -> None:
        """A phase is over, complete or not."""

    def note(self, text: str) -> None:
        """Something a person wants to know: a job's id, a file that was left out, a link renewed."""


class Quiet:
    """Hears everything and says nothing."""

    def begin(self, phase: Phase, total: int) -> None:
        """Nothing."""

    def advance(self, phase: Phase, amount: int) -> None:
        """Nothing."""

    def reached(self, phase: Phase, done: int) -> None:
        """Nothing."""

    def end(self, phase: Phase) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""
