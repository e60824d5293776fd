"""Loads: one class each. What a load asks of the platform, and what it must not do under it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from chaos.field import Field
from chaos.registry import import_all
from chaos.suites import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a load showed: `came` in a few words for the table, figures, and promises that were not kept."""

    came: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


class Load(ABC):
    """One load.

    Attributes:
        name: of its row.
        what: what is asked, as a sentence without a subject.
    """

    name: ClassVar[str]
    what: ClassVar[str]

    @abstractmethod
    def run(self, target: Field, workshop: Workshop) -> Outcome:
        """Put it on, until everything is done."""


LOADS: dict[str, type[Load]] = {}
L = TypeVar("L", bound=type[Load])


def load(kind: L) -> L:
    """Registers a load."""
    LOADS[kind.name] = kind
    return kind


def all_loads() -> dict[str, type[Load]]:
    """Every load by its name."""
    import_all(__name__, __path__)
    return LOADS
