"""The command line of the service's benchmark: starts the platform anew for each part, measures in turn."""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.console import Console

from bench.figures import keep, show
from bench.machine import busy_cores, describe
from bench.part import Bench, Figures, Measured
from bench.scale import SCALES
from bench.service import answers, batch, overhead
from bench.service.running import Running, running_platform

FIGURES = "bench-service.json"


class ServicePart(Measured, Protocol):
    """A module that measures one thing on a running platform."""

    def run(self, bench: Bench, running: Running) -> Figures:
        """Measure."""


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
    figures = keep(figures, path, PARTS)
    machine = figures["machine"]
    console.print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB")
    show(figures, console, PARTS)
    console.print(f"figures  {path}", soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.service", description="Measures the service on the local platform; ratios and counts, not seconds."
    )
    parser.add_argument("--quick", action="store_true", help="smaller jobs, fewer rounds")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="measure only this part, may be repeated")
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="where figures and data go")
    parser.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
    return parser
