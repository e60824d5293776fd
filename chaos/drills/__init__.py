"""Recoveries that are rehearsed: each runs its runbook's commands as printed, and judges what came back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from chaos.registry import import_all
from chaos.suites import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """How a drill went.

    Attributes:
        images: that were in the platform.
        back: of them, whole in the end.
        took_s: from the first command of the runbook to the last image.
        came: what was shown, in a few words.
        broken: promises that were not kept.
    """

    images: int
    back: int
    took_s: float
    came: str
    broken: tuple[str, ...] = ()


class Drill(ABC):
    """One rehearsal.

    Attributes:
        name: of its row, and of the marked commands in its runbook.
        runbook: name of the page below docs/runbooks, without its ending.
        what: what goes wrong.
    """

    name: ClassVar[str]
    runbook: ClassVar[str]
    what: ClassVar[str]

    @abstractmethod
    def run(self, workshop: Workshop) -> Rehearsal:
        """Let it go wrong, and recover."""


DRILLS: dict[str, type[Drill]] = {}
D = TypeVar("D", bound=type[Drill])


def drill(kind: D) -> D:
    """Registers a drill."""
    DRILLS[kind.name] = kind
    return kind


def all_drills() -> dict[str, type[Drill]]:
    """Every drill by its name."""
    import_all(__name__, __path__)
    return DRILLS
