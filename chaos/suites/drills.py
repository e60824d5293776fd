"""Recoveries that are rehearsed with the commands of their runbooks."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.drills import all_drills
from chaos.errors import ChaosError
from chaos.pages import table
from chaos.suites import NOT_TRIED, Figures, Suite, Workshop, suite
from local.errors import LocalError


@suite
class DrillSuite(Suite):
    """Each drill has a platform of its own."""

    name = "drills"
    order = 3

    def cases(self) -> Sequence[str]:
        return list(all_drills())

    def run(self, workshop: Workshop) -> Figures:
        figures: Figures = {"cases": {}}
        for name, kind in all_drills().items():
            if not workshop.wants(name):
                continue
            workshop.tell(f"{name}: {kind.what}")
            try:
                figures["cases"][name] = asdict(kind().run(workshop))
            except (ChaosError, LocalError) as error:
                figures["cases"][name] = {"images": 0, "back": 0, "took_s": 0.0, "came": "–", "broken": [str(error)]}
            workshop.keep(figures)
        return figures

    def show(self, figures: Figures, console: Console) -> None:
        shown = Table(title="Recoveries, by the commands of their runbooks")
        for column in ("drill", "images", "back", "took", "what came of it"):
            shown.add_column(column)
        for name, case in figures["cases"].items():
            shown.add_row(name, *_cells(case))
        console.print(shown)

    def blocks(self, figures: Figures) -> Mapping[str, str]:
        head = ("runbook", "what goes wrong", "images", "whole again", "took", "what came of it")
        rows = [
            (f"[{name}](runbooks/{kind.runbook}.md)", kind.what, *_cells(figures["cases"].get(name, NOT_TRIED)))
            for name, kind in all_drills().items()
        ]
        return {"drills": table(head, rows, right=(2, 3, 4))}


def _cells(case: Mapping[str, Any]) -> tuple[str, ...]:
    if "skipped" in case:
        return ("–", "–", "–", case["skipped"])
    return (str(case["images"]), str(case["back"]), f"{case['took_s']:.0f} s", case["came"])
