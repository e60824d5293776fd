"""What a run has shown, as tables on the terminal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from local.rehearsal.coverage import COVERAGE, Extent, full_name
from local.rehearsal.deployed import Resource


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was shown, and how long that took."""

    what: str
    shown: str
    seconds: float


@dataclass(kw_only=True)
class Report:
    """Filled step by step; printed at the end, and as far as it got when a step fails."""

    resources: Sequence[Resource] = ()
    steps: list[Step] = field(default_factory=list)

    def print(self, console: Console) -> None:
        """Both tables."""
        if self.resources:
            console.print(_resources(self.resources))
            console.print(_legend(self.resources))
        if self.steps:
            console.print(_steps(self.steps))


def _resources(resources: Sequence[Resource]) -> Table:
    """One row for types that are alike, in the order of the page."""
    created = Counter(resource.resource_type for resource in resources)
    table = Table(title="Deployed resources", title_justify="left", show_edge=False)
    table.add_column("here")
    table.add_column("created", justify="right")
    table.add_column("types")
    for each in COVERAGE:
        counts = {name: created[full_name(name)] for name in each.types if created[full_name(name)]}
        if counts:
            types = ", ".join(f"{name} {count}" for name, count in counts.items())
            table.add_row(each.extent.value, str(sum(counts.values())), types)
    return table


def _legend(resources: Sequence[Resource]) -> str:
    extents = Counter(
        each.extent
        for each in COVERAGE
        for name in each.types
        for resource in resources
        if resource.resource_type == full_name(name)
    )
    types = len({resource.resource_type for resource in resources})
    return (
        f"{len(resources)} resources of {types} types created: {extents[Extent.WORKS]} work, for "
        f"{extents[Extent.STAND_IN]} something else on this machine does the job, {extents[Extent.RECORD]} are records "
        "alone. docs/local-deploy.md says what that proves.\n"
    )


def _steps(steps: Sequence[Step]) -> Table:
    table = Table(title="What was shown", title_justify="left", show_edge=False)
    table.add_column("step")
    table.add_column("result")
    table.add_column("time", justify="right")
    for step in steps:
        table.add_row(step.what, step.shown, f"{step.seconds:.1f} s")
    return table
