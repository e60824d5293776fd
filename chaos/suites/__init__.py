"""What `make chaos` runs: a suite a module, which registers itself. A new suite is a new file in this folder."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rich.console import Console

from chaos.registry import import_all
from chaos.sizes import Size

Figures = dict[str, Any]
"""What a suite found, as plain values that JSON can hold."""

NOT_TRIED: Figures = {"skipped": "not tried in this run"}
"""Stands in the page for a case without figures: nothing is left out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """One run of a suite.

    Attributes:
        size: how large it is.
        folder: the suite's own, for everything that it makes.
        only: names of the cases to run; empty: all.
        tell: says in a few words what is being done.
        keep: is given the figures so far after each case, so that an interrupted run leaves what it found.
    """

    size: Size
    folder: Path
    only: frozenset[str] = frozenset()
    tell: Callable[[str], None] = lambda _: None
    keep: Callable[[Figures], None] = lambda _: None

    def wants(self, case: str) -> bool:
        """Whether a case is to be run."""
        return not self.only or case in self.only


class Suite(ABC):
    """A part of `make chaos`.

    Attributes:
        name: of its figures, and of `--suite`.
        order: suites run by this number, the smallest first.
    """

    name: ClassVar[str]
    order: ClassVar[int]

    @abstractmethod
    def cases(self) -> Sequence[str]:
        """Names of everything that it tries: each has a row in the page."""

    @abstractmethod
    def run(self, workshop: Workshop) -> Figures:
        """Try everything."""

    @abstractmethod
    def show(self, figures: Figures, console: Console) -> None:
        """Print the table."""

    def broken(self, figures: Figures) -> list[str]:
        """Promises that were not kept, one sentence each."""
        return [f"{name}: {each}" for name, case in figures["cases"].items() for each in case.get("broken", ())]

    @abstractmethod
    def blocks(self, figures: Figures) -> Mapping[str, str]:
        """What stands in the page between `<!-- made by make chaos: NAME -->` and `<!-- end -->`, by name."""


SUITES: dict[str, Suite] = {}
S = TypeVar("S", bound=type[Suite])


def suite(kind: S) -> S:
    """Registers a suite."""
    SUITES[kind.name] = kind()
    return kind


def all_suites() -> list[Suite]:
    """Every suite, in the order in which they run."""
    import_all(__name__, __path__)
    return sorted(SUITES.values(), key=lambda each: each.order)
