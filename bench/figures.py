"""What becomes of figures: kept together with earlier ones, and shown beside what they are held to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import BUSY
from bench.part import Figures, Measured, Target


def keep(figures: Figures, path: Path, parts: Mapping[str, Measured]) -> Figures:
    """Writes the figures, together with those of parts that an earlier run of the same scale measured.

    Returns:
        What was written, as it would be read again.
    """
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for kept in ("parts", "busy_cores"):
            figures[kept] = {**earlier.get(kept, {}), **figures[kept]}
    figures["parts"] = {name: figures["parts"][name] for name in parts if name in figures["parts"]}
    figures = json.loads(json.dumps(figures))
    figures["targets"] = [target.as_figures() for target in all_targets(figures, parts)]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    written: Figures = json.loads(text)
    return written


def all_targets(figures: Figures, parts: Mapping[str, Measured]) -> list[Target]:
    """The targets of all measured parts."""
    return [target for name, measured in figures["parts"].items() for target in parts[name].targets(measured)]


def show(figures: Figures, console: Console, parts: Mapping[str, Measured]) -> None:
    """Prints the tables of every measured part, the targets last."""
    for name, measured in figures["parts"].items():
        parts[name].show(measured, console)
    busiest = max(figures["busy_cores"].values(), default=0.0)
    if busiest > BUSY:
        console.print(f"[yellow]other programs kept {busiest:.1f} cores busy: measure again on a quiet machine[/]")
    console.print(table_of(all_targets(figures, parts), scale=figures["scale"]))


def table_of(targets: Sequence[Target], *, scale: str) -> Table:
    """Targets as a table: what was measured beside what is needed."""
    table = Table(title=f"Targets (scale {scale})")
    for column in ("figure", "measured", "needed", "go for", ""):
        table.add_column(column, justify="left" if column in {"figure", ""} else "right")
    for target in targets:
        sign = "≤" if target.at_most else "≥"
        table.add_row(
            target.what,
            "not measured" if target.measured is None else f"{target.measured:.3g} {target.unit}",
            f"{sign} {target.needed:g} {target.unit}",
            "" if target.hoped is None else f"{sign} {target.hoped:g} {target.unit}",
            {True: "[green]met[/]", False: "[red]missed[/]", None: "–"}[target.met],
        )
    return table
