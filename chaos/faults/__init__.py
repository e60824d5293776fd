"""Ways to break a platform: one class each, which registers itself. `all_faults` loads every module of this package."""

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from chaos.field import Field
from chaos.registry import import_all


class Fault(ABC):
    """One way to break a platform.

    Attributes:
        name: of its row, and of `--only`.
        what: what is done, as a sentence without a subject.
        lasts_s: how long it goes on before it is healed; shorter in a small run.
    """

    name: ClassVar[str]
    what: ClassVar[str]
    lasts_s: float = 6.0

    @abstractmethod
    def inject(self, target: Field) -> None:
        """Break it. Faults that repeat themselves do so here, for `lasts_s` at most."""

    def heal(self, target: Field) -> None:  # noqa: B027 - what is killed is replaced by the fleet
        """Take away what was broken; what the platform has to mend stays broken."""

    def hits(self, target: Field) -> int:
        """How often it struck since `inject`: 0 means that nothing was tried. Asked before `heal`."""
        raise NotImplementedError

    def is_possible(self, target: Field) -> str | None:  # noqa: ARG002
        """Why it cannot be done on this machine, or None."""
        return None

    def prepare(self, target: Field) -> None:  # noqa: B027
        """Before any image flows."""

    def clear(self, target: Field) -> None:  # noqa: B027
        """After everything was judged: the next fault finds what this one found."""


_FIRST = ("processes", "tasks", "servers", "aws", "messages")
FAULTS: dict[str, type[Fault]] = {}
F = TypeVar("F", bound=type[Fault])


def fault(kind: F) -> F:
    """Registers a fault."""
    FAULTS[kind.name] = kind
    return kind


def all_faults() -> dict[str, type[Fault]]:
    """Every fault by its name: those of the first modules first, then module by module."""
    names = import_all(__name__, __path__)
    modules = [f"{__name__}.{name}" for name in (*_FIRST, *names)]
    ranked = sorted(FAULTS.items(), key=lambda named: modules.index(named[1].__module__))
    return dict(ranked)
