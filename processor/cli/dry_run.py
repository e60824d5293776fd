"""`processor run --dry-run`: per file the decode, the renditions, and what they will cost."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from processor.batch.inputs import Input
from processor.errors import ImageError, ReasonCode
from processor.limits import Limits
from processor.original import open_original
from processor.plan import Plan, make_plan
from processor.recipe import Recipe

PIPE_WIDTH = 200


def show_plans(originals: Sequence[Input], recipe: Recipe, limits: Limits, *, jobs: int) -> int:
    """Prints the plans and returns how many files cannot be developed. Reads headers only."""
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("decode")
    table.add_column("renditions", overflow="fold")
    for column in ("CPU s", "memory"):
        table.add_column(column, justify="right")
    table.add_column("why", style="dim", overflow="fold")
    plans: list[Plan] = []
    for original in track(originals, description="reading headers", transient=True):
        try:
            plan = _plan(original, recipe, limits)
        except ImageError as error:
            table.add_row(escape(original.source), f"[red]{error.reason.value}[/]", "", "", "", escape(str(error)))
            continue
        plans.append(plan)
        sizes = ", ".join(f"{r.name} {r.width_px}×{r.height_px} {r.format.value}" for r in plan.renditions)
        memory = f"{plan.predicted_memory_bytes >> 20} MiB"
        table.add_row(
            escape(original.source), plan.decode_path.value, sizes, f"{plan.predicted_s:.2f}", memory, plan.why
        )
    # In a pipe nobody sees the edge of a screen: there the table is as wide as it needs.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
    total_s = sum(plan.predicted_s for plan in plans)
    print(
        f"\n{len(plans)} of {len(originals)} can be developed: about {total_s:.0f} CPU s, "
        f"{total_s / jobs:.0f} s on {jobs} cores (predicted from measured rates, within a factor of two)"
    )
    return len(originals) - len(plans)


def _plan(original: Input, recipe: Recipe, limits: Limits) -> Plan:
    if original.problem is not None:
        raise ImageError(ReasonCode.UNREADABLE, original.problem)
    with open_original(Path(original.source), limits=limits) as opened:
        return make_plan(opened.header, recipe)
