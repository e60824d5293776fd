"""The command line of the service's benchmark: starts the platform, measures in turn, prints tables, keeps figures."""

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.console import Console

from bench.cli import table_of
from bench.machine import BUSY, busy_cores, describe
from bench.part import Bench, Figures, Target
from bench.scale import SCALES
from bench.service import answers, batch, overhead
from bench.service.running import Running, running_platform

FIGURES = "bench-service.json"


class ServicePart(Protocol):
    """A module that measures one thing on a running platform."""

    def run(self, bench: Bench, running: Running) -> Figures:
        """Measure."""

    def show(self, figures: Figures, console: Console) -> None:
        """Print the tables."""

    def targets(self, figures: Figures) -> list[Target]:
        """The targets that these figures are held to."""


PARTS: dict[str, ServicePart] = {"answers": answers, "batch": batch, "overhead": overhead}
"""In the order in which they run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, keeps.

    Returns:
        The exit code: 0 also when a target is missed, for a benchmark reports and does not judge.
    """
    options = _parser().parse_args(arguments)
    scale = SCALES["quick" if options.quick else "full"]
    console = Console(width=options.width)
    figures: Figures = {"scale": scale.name, **describe(), "busy_cores": {}, "parts": {}}
    began_s = time.monotonic()
    with console.status("") as status:

        def tell(name: str, what: str) -> None:
            status.update(f"[{time.monotonic() - began_s:4.0f} s] {name}: {what}")

        for name in options.only or list(PARTS):
            figures["busy_cores"][name] = busy_cores()
            folder = options.out / "bench" / "service" / name
            bench = Bench(scale=scale, folder=folder, tell=partial(tell, name))
            with running_platform(folder / "platform", tell=bench.tell) as running:
                figures["parts"][name] = PARTS[name].run(bench, running)
            console.print(f"{name} measured after {time.monotonic() - began_s:.0f} s")
    path = options.out / (FIGURES if scale.name == "full" else f"bench-service-{scale.name}.json")
    figures = keep(figures, path)
    show(figures, console)
    console.print(f"figures  {path}", soft_wrap=True)
    return 0


def keep(figures: Figures, path: Path) -> Figures:
    """Writes the figures, together with those of parts that an earlier run of the same scale measured."""
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for kept in ("parts", "busy_cores"):
            figures[kept] = {**earlier.get(kept, {}), **figures[kept]}
    figures["parts"] = {name: figures["parts"][name] for name in PARTS if name in figures["parts"]}
    figures["targets"] = [target.as_figures() for target in all_targets(figures)]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    written: Figures = json.loads(text)
    return written


def all_targets(figures: Figures) -> list[Target]:
    """The targets of all measured parts."""
    return [target for name, measured in figures["parts"].items() for target in PARTS[name].targets(measured)]


def show(figures: Figures, console: Console) -> None:
    """Prints every table, the targets last."""
    machine = figures["machine"]
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB")
    for name, measured in figures["parts"].items():
        PARTS[name].show(measured, console)
    busiest = max(figures["busy_cores"].values(), default=0.0)
    if busiest > BUSY:
        console.print(f"[yellow]other programs kept {busiest:.1f} cores busy: measure again on a quiet machine[/]")
    console.print(table_of(all_targets(figures), scale=figures["scale"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.service", description="Measures the service on the local platform; ratios and counts, not seconds."
    )
    parser.add_argument("--quick", action="store_true", help="smaller jobs, fewer rounds")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="measure only this part, may be repeated")
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="where figures and data go")
    parser.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
    return parser
