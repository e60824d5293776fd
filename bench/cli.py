"""The command line of the benchmark: chooses parts and scale, shows progress and tables, keeps the figures."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import libraries, page, peers, scaling, speed
from bench.evidence import deadlock, isolation, pixels, race, threads
from bench.machine import BUSY, busy_cores, describe
from bench.part import Bench, Figures, Part, Target
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
    figures = keep(figures, options.out / name)
    show(figures, console)
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


def keep(figures: Figures, path: Path) -> Figures:
    """Writes the figures, together with those of parts that an earlier run of the same scale measured.

    Returns:
        What was written, as it would be read again.
    """
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for kept in ("parts", "busy_cores"):
            figures[kept] = {**earlier.get(kept, {}), **figures[kept]}
    figures["parts"] = {name: figures["parts"][name] for name in PARTS if name in figures["parts"]}
    figures = json.loads(json.dumps(figures))
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
    console.print(
        f"{figures['machine']['cpu']}, {figures['machine']['cores']} cores, {figures['machine']['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    )
    for name, measured in figures["parts"].items():
        PARTS[name].show(measured, console)
    busiest = max(figures["busy_cores"].values(), default=0.0)
    if busiest > BUSY:
        console.print(f"[yellow]other programs kept {busiest:.1f} cores busy: measure again on a quiet machine[/]")
    console.print(table_of(all_targets(figures), scale=figures["scale"]))


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
