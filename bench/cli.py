"""The command line of the benchmark: chooses parts and scale, measures in turn, shows progress."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import libraries, page, peers, scaling, speed
from bench.evidence import deadlock, isolation, pixels, race, threads
from bench.figures import keep, show
from bench.machine import busy_cores, describe
from bench.part import Bench, Figures, Part
from bench.scale import FULL, SCALES

PARTS: dict[str, Part] = {
    "speed": speed,
    "libraries": libraries,
    "peers": peers,
    "scaling": scaling,
    "threads": threads,
    "isolation": isolation,
    "race": race,
    "pixels": pixels,
    "deadlock": deadlock,
}
"""In the order in which they run."""

FIGURES = "bench.json"
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints, keeps.

    Returns:
        The exit code: 0 also when a target is missed, for a benchmark reports and does not judge.
    """
    options = _parser().parse_args(arguments)
    scale = SCALES["quick" if options.quick else options.scale]
    console = Console(width=options.width)
    figures = measure(options.only or list(PARTS), Bench(scale=scale, folder=options.out / "bench"), console)
    name = FIGURES if scale is FULL else f"bench-{scale.name}.json"
    complete = page.is_complete(figures)  # before older figures join: the page says that all of it is of one run
    figures = keep(figures, options.out / name, PARTS)
    console.print(
        f"{figures['machine']['cpu']}, {figures['machine']['cores']} cores, {figures['machine']['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    )
    show(figures, console, PARTS)
    console.print(f"figures        {options.out / name}", soft_wrap=True)
    if complete:
        docs = options.docs or (ROOT / "docs" if scale is FULL else options.out / "bench" / f"docs-{scale.name}")
        console.print(f"evidence page  {page.write(figures, docs)}", soft_wrap=True)
    return 0


def measure(names: Sequence[str], bench: Bench, console: Console) -> Figures:
    """The figures of the named parts."""
    figures: Figures = {"scale": bench.scale.name, **describe(), "busy_cores": {}, "parts": {}}
    began_s = time.monotonic()
    with console.status("") as status:
        for name in names:

            def tell(what: str, name: str = name) -> None:
                status.update(f"[{time.monotonic() - began_s:4.0f} s] {name}: {what}")

            figures["busy_cores"][name] = busy_cores()
            figures["parts"][name] = PARTS[name].run(Bench(scale=bench.scale, folder=bench.folder, tell=tell))
            console.print(f"{name} measured after {time.monotonic() - began_s:.0f} s")
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the processor against named baselines in one run; ratios, not seconds."
    )
    parser.add_argument("--quick", action="store_true", help="a run of a few minutes on smaller files")
    parser.add_argument("--scale", choices=sorted(SCALES), default="full", help="size of the run (default full)")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(PARTS),
        help="measure only this part, may be repeated; the page needs all of its parts in one run",
    )
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help="where figures and inputs go")
    parser.add_argument("--docs", type=Path, metavar="DIR", help="where the evidence page goes (full scale: docs)")
    parser.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
    return parser
