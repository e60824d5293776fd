"""The command line of `make chaos`: runs the suites, prints their tables, keeps figures, says which promises broke."""

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.machine import describe
from chaos import pages
from chaos.sizes import FULL, SIZES
from chaos.suites import Figures, Suite, Workshop, all_suites

FIGURES = "chaos.json"
BROKEN = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, prints, keeps.

    Returns:
        0 when every promise was kept, 1 when one was broken.
    """
    suites = {each.name: each for each in all_suites()}
    options = _parser(suites).parse_args(arguments)
    size = SIZES[options.size]
    chosen = [each for name, each in suites.items() if not options.suite or name in options.suite]
    console = Console(width=options.width)
    # Processes say what they hold by whole paths.
    out = options.out.resolve()
    path = out / FIGURES
    figures: dict[str, Any] = {"size": size.name, **describe(), "suites": _kept(path, size.name)}
    began_s = time.monotonic()
    for each in chosen:
        folder = out / "chaos" / each.name
        shutil.rmtree(folder, ignore_errors=True)

        def keep(found: Figures, name: str = each.name) -> None:
            figures["suites"][name] = found
            pages.save(figures, path)

        workshop = Workshop(
            size=size,
            folder=folder,
            only=frozenset(options.only or ()),
            tell=partial(_tell, console, began_s),
            keep=keep,
        )
        keep(each.run(workshop))
        each.show(figures["suites"][each.name], console)
        if not each.broken(figures["suites"][each.name]):
            # A full run leaves tens of gigabytes; what broke a promise is there to be looked into.
            shutil.rmtree(folder, ignore_errors=True)
    broken = [what for each in chosen for what in each.broken(figures["suites"][each.name])]
    for what in broken:
        console.print(f"[red]broken[/] {what}", soft_wrap=True, highlight=False)
    console.print(f"figures  {path}", soft_wrap=True)
    if options.page or (not broken and not options.only and size is FULL):
        write_page({name: figures["suites"][name] for name in suites if name in figures["suites"]}, figures)
        console.print(f"page     {pages.PAGE}", soft_wrap=True)
    return BROKEN if broken else 0


def write_page(found: Mapping[str, Figures], figures: Mapping[str, Any]) -> None:
    """Brings docs/reliability.md and its figures up to date."""
    data = {name: figures[name] for name in ("size", "machine", "versions", "note") if name in figures}
    data["suites"] = found
    pages.save(data, pages.DATA)
    pages.PAGE.write_text(page(data, pages.PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(data: Mapping[str, Any], text: str) -> str:
    """The page as these figures make it."""
    blocks: dict[str, str] = {"machine": _machine(data)}
    for each in all_suites():
        if each.name in data["suites"]:
            blocks.update(each.blocks(data["suites"][each.name]))
    return pages.fresh(text, blocks)


def _machine(data: Mapping[str, Any]) -> str:
    machine = data["machine"]
    where = f"{machine['cores']} cores of an {machine['cpu']} with {machine['memory_gib']} GiB"
    said = "with everything on them: platform, clients and faults"
    note = f" {data['note']}" if "note" in data else ""
    return f"Measured on {where}, {said}. Size of the run: `{data['size']}`.{note}"


def _tell(console: Console, began_s: float, what: str) -> None:
    console.print(f"[dim]{time.monotonic() - began_s:6.1f} s[/dim]  {what}", highlight=False, soft_wrap=True)


def _kept(path: Path, size: str) -> dict[str, Any]:
    """Figures of suites that an earlier run of the same size left."""
    if not path.exists():
        return {}
    earlier = json.loads(path.read_text(encoding="utf-8"))
    return dict(earlier["suites"]) if earlier["size"] == size else {}


def _parser(suites: Mapping[str, Suite]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos", description="Breaks a running platform and counts what became of it."
    )
    parser.add_argument("--size", choices=list(SIZES), default=FULL.name, help="full for the page, small for a change")
    parser.add_argument("--suite", action="append", choices=list(suites), help="only this suite, may be repeated")
    parser.add_argument("--only", action="append", metavar="CASE", help="only this case, may be repeated")
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="where figures and data go")
    parser.add_argument("--page", action="store_true", help="write docs/reliability.md whatever the size")
    parser.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
    return parser
