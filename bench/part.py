"""What the parts of the benchmark share: where they work, what they tell, which targets they are held to."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from bench import inputs
from bench.job import Job
from bench.measure import Spread
from bench.scale import Scale, Size

Figures = dict[str, Any]
"""What a part measured, as plain values that JSON can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run of the benchmark.

    Attributes:
        scale: how large it is.
        folder: for inputs, outputs and figures.
        tell: says in a few words what is being done.
    """

    scale: Scale
    folder: Path
    tell: Callable[[str], None] = lambda _: None

    def sample(self, size: Size, compression: inputs.Compression = "none", seed: int = 1) -> Path:
        """A sample RAW of this size."""
        self.tell(f"sample RAW of {size[0]}×{size[1]} px")
        return inputs.sample(self.folder / "inputs", size, compression, seed)

    @property
    def logo(self) -> Path:
        """The logo of the job."""
        return inputs.logo(self.folder / "inputs")

    def out(self, name: str) -> Path:
        """A folder for what a design makes."""
        return self.folder / "out" / self.scale.name / name

    def job(self, source: Path, out_name: str) -> Job:
        """The job on one original."""
        return Job(
            source=source, logo=self.logo, out_dir=self.out(out_name), long_edges_px=dict(self.scale.long_edges_px)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that is wanted.

    Attributes:
        what: the figure in words.
        measured: its value in this run, or None when it was not measured.
        needed: the value that meets the target.
        hoped: the value to go for, or None.
        unit: of all of them.
        at_most: whether smaller is better.
    """

    what: str
    measured: float | None
    needed: float
    hoped: float | None = None
    unit: str = "×"
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is met; None when it was not measured."""
        if self.measured is None:
            return None
        return self.measured <= self.needed if self.at_most else self.measured >= self.needed

    def as_figures(self) -> Figures:
        """As plain values."""
        return {**asdict(self), "met": self.met}


class Measured(Protocol):
    """What a module has measured can be shown and judged."""

    def show(self, figures: Figures, console: Console) -> None:
        """Print the tables."""

    def targets(self, figures: Figures) -> list[Target]:
        """The targets that these figures are held to."""


class Part(Measured, Protocol):
    """A module that measures one thing."""

    def run(self, bench: Bench) -> Figures:
        """Measure."""


def spread(values: Spread) -> Figures:
    """A spread as plain values."""
    return asdict(values)


def times(values: Figures, digits: int = 1) -> str:
    """A ratio with its range, as tables show it."""
    return f"{values['median']:.{digits}f}× ({values['low']:.{digits}f}–{values['high']:.{digits}f})"
