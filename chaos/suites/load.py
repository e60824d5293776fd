"""More than usual of everything: calls, uploads, images, messages. Memory and connections stay bounded."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from chaos.errors import ChaosError
from chaos.field import Field, Strength, open_field
from chaos.load import Load, all_loads
from chaos.pages import table
from chaos.suites import NOT_TRIED, Figures, Suite, Workshop, suite
from chaos.watch import Watch, most_sessions
from local.errors import LocalError

MOST_MEMORY_MIB = {"web": 1024, "worker": 1280, "sweep": 512}
"""Of one task. The smallest environment gives web 1.6 GiB, a worker of one process 1.25 GiB, the sweeper 1 GiB."""


@suite
class LoadSuite(Suite):
    """One platform, one load after the other."""

    name = "load"
    order = 2

    def cases(self) -> Sequence[str]:
        return list(all_loads())

    def run(self, workshop: Workshop) -> Figures:
        figures: Figures = {"cases": {}}
        with open_field(workshop.folder / "platform", strength=Strength(), tell=workshop.tell) as target:
            for name, kind in all_loads().items():
                if workshop.wants(name):
                    workshop.tell(f"{name}: {kind.what}")
                    try:
                        figures["cases"][name] = _case(workshop, target, kind())
                    except (ChaosError, LocalError, httpx.HTTPError) as error:
                        why = f"{type(error).__name__}: {error}"
                        figures["cases"][name] = {"skipped": "could not be tried", "broken": [why]}
                    workshop.keep(figures)
        return figures

    def show(self, figures: Figures, console: Console) -> None:
        shown = Table(title="More than usual")
        for column in ("load", "what came of it", "memory of a web task", "of a worker", "database sessions"):
            shown.add_column(column)
        for name, case in figures["cases"].items():
            shown.add_row(name, *_cells(case))
        console.print(shown)

    def blocks(self, figures: Figures) -> Mapping[str, str]:
        head = ("load", "what is done", "what came of it", "memory of a web task", "of a worker", "database sessions")
        rows = [(name, kind.what, *_cells(figures["cases"].get(name, NOT_TRIED))) for name, kind in all_loads().items()]
        return {"load": table(head, rows, right=(3, 4, 5))}


def _case(workshop: Workshop, target: Field, load: Load) -> Figures:
    target.wait_whole()
    began_s = time.monotonic()
    with Watch(target) as watch:
        outcome = load.run(target, workshop)
    taken = watch.taken
    broken = list(outcome.broken)
    for part, most_mib in MOST_MEMORY_MIB.items():
        if taken.memory_mib.get(part, 0.0) > most_mib:
            broken.append(f"a {part} task took {taken.memory_mib[part]:.0f} MiB, more than {most_mib}")
    most = most_sessions(target)
    if taken.sessions > most:
        broken.append(f"{taken.sessions} sessions of the database, more than {most}")
    return {
        **outcome.figures,
        "came": outcome.came,
        "seconds": round(time.monotonic() - began_s, 1),
        "most_sessions": most,
        **taken.as_figures(),
        "broken": broken,
    }


def _cells(case: Mapping[str, Any]) -> tuple[str, ...]:
    if "skipped" in case:
        return (case["skipped"], "–", "–", "–")
    memory = case["memory_mib"]
    return (
        case["came"],
        f"{memory.get('web', 0)} MiB",
        f"{memory.get('worker', 0)} MiB",
        f"{case['sessions']} of {case['most_sessions']}",
    )
