"""What `make evidence` measures: a class a module, which registers itself. A new case is a new file in this folder."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from audit.spof.times import Times
from chaos.field import Field
from chaos.registry import import_all

Figures = dict[str, Any]
"""What a case found, as plain values that JSON can hold."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a case runs.

    Attributes:
        target: the platform, whole when a case begins and when it ends.
        folder: for originals, shared by all cases.
        tell: says in a few words what is being done.
    """

    target: Field
    folder: Path
    tell: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A table, for the terminal and for the page.

    Attributes:
        block: stands in the page between `<!-- made by make evidence: BLOCK -->` and `<!-- end -->`.
        right: columns that hold numbers.
    """

    block: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()


class Case(ABC):
    """One thing that is watched.

    Attributes:
        name: of its figures, and of `--only`.
        order: cases run by this number, the smallest first.
    """

    name: ClassVar[str]
    order: ClassVar[int]

    @abstractmethod
    def run(self, stage: Stage) -> Figures:
        """Do it, and write down when what happened. `broken` in the figures lists promises that were not kept."""

    @abstractmethod
    def tables(self, figures: Figures, times: Times) -> list[Shown]:
        """What was found, beside what the templates say."""

    def pictures(self, figures: Figures) -> Mapping[str, str]:  # noqa: ARG002 - most have none
        """SVG by file name below docs/images."""
        return {}


CASES: dict[str, Case] = {}
C = TypeVar("C", bound=type[Case])


def case(kind: C) -> C:
    """Registers a case."""
    CASES[kind.name] = kind()
    return kind


def all_cases() -> list[Case]:
    """Every case, in the order in which they run."""
    import_all(__name__, __path__)
    return sorted(CASES.values(), key=lambda each: each.order)
