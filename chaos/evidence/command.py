"""The command line of `make evidence`: one platform, one case after the other; prints, judges, writes the page."""

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import busy_cores, describe
from chaos import pages
from chaos.errors import ChaosError
from chaos.evidence import page
from chaos.evidence.cases import Case, Shown, Stage, all_cases
from chaos.field import Strength, open_field
from local.errors import LocalError

FIGURES = "evidence.json"
VISIBILITY_TIMEOUT_S = 10
"""900 s on AWS: what a dead worker had in hand waits so long, several times over."""
REPLACED_AFTER_S = 5.0
"""Longer than the balancer needs to see that a task is gone, as placing another on AWS is; else nobody sees it."""
BROKEN = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, prints, keeps.

    Returns:
        0 when every promise was kept, 1 when one was broken or a case could not be tried.
    """
    cases = {each.name: each for each in all_cases()}
    options = _parser(list(cases)).parse_args(arguments)
    console = Console(width=options.width)
    if options.page:
        return _page_alone(console)
    chosen = [each for name, each in cases.items() if not options.only or name in options.only]
    out = options.out.resolve()
    figures = _measured(chosen, out / "evidence", console)
    pages.save(figures, out / FIGURES)
    for table in page.shown(figures):
        _print(table, console)
    broken = page.broken(figures)
    for what in broken:
        console.print(f"[red]broken[/] {what}", soft_wrap=True, highlight=False)
    console.print(f"figures  {out / FIGURES}", soft_wrap=True)
    if options.check or broken:
        return BROKEN if broken else 0
    if len(chosen) < len(cases):
        figures = _among_the_kept(figures)
    for name in page.write(figures):
        console.print(f"written  docs/{name}", soft_wrap=True)
    return 0


def _measured(chosen: Sequence[Case], folder: Path, console: Console) -> dict[str, Any]:
    began_s = time.monotonic()
    tell = partial(_tell, console, began_s)
    shutil.rmtree(folder, ignore_errors=True)
    figures: dict[str, Any] = {
        **describe(),
        "busy_cores": round(busy_cores(), 1),
        "templates": asdict(page.template_times()),
        "cases": {},
    }
    changes = {"RAWMILL_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S)}
    strength = Strength(webs=2, workers=2)
    with open_field(
        folder / "platform", strength=strength, tell=tell, changes=changes, replaced_after_s=REPLACED_AFTER_S
    ) as target:
        for each in chosen:
            try:
                figures["cases"][each.name] = each.run(Stage(target=target, folder=folder / "shoots", tell=tell))
            except (ChaosError, LocalError, TimeoutError) as error:
                figures.setdefault("untried", {})[each.name] = str(error)
    figures["seconds"] = round(time.monotonic() - began_s, 1)
    return figures


def _among_the_kept(figures: dict[str, Any]) -> dict[str, Any]:
    """These cases with the others as the page has them."""
    kept = pages.load(page.DATA)
    return {**figures, "seconds": kept["seconds"], "cases": {**kept["cases"], **figures["cases"]}}


def _page_alone(console: Console) -> int:
    """The kept figures beside the templates as they are now."""
    figures = pages.load(page.DATA) | {"templates": asdict(page.template_times())}
    for name in page.write(figures):
        console.print(f"written  docs/{name}", soft_wrap=True)
    return 0


def _print(shown: Shown, console: Console) -> None:
    table = Table(title=shown.title, title_justify="left")
    for at, head in enumerate(shown.head):
        table.add_column(head.replace("`", ""), justify="right" if at in shown.right else "left")
    for row in shown.rows:
        table.add_row(*(cell.replace("`", "").replace("[", r"\[") for cell in row))
    console.print(table)


def _tell(console: Console, began_s: float, what: str) -> None:
    console.print(f"[dim]{time.monotonic() - began_s:6.1f} s[/dim]  {what}", highlight=False, soft_wrap=True)


def _parser(cases: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos.evidence", description="Kills one thing at a time and measures how it comes back."
    )
    parser.add_argument("--only", action="append", choices=cases, help="only this case, may be repeated")
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="where figures and data go")
    parser.add_argument("--check", action="store_true", help="measure and judge, and leave the pages alone")
    parser.add_argument("--page", action="store_true", help="measure nothing: the page anew, beside today's templates")
    parser.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
    return parser
