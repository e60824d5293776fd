"""The command line: `times` measures the simulation's service times, `validate` holds it against a real run."""

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from audit.fleet.service_times import SERVICE_TIMES
from bench.fleet import times, validate


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when measured; for `validate` 1 when the median error is more than is allowed."""
    options = _parser().parse_args(arguments)
    console = Console(width=options.width)
    folder = options.work / "bench" / "fleet" / options.command
    began_s = time.monotonic()
    with console.status("") as status:

        def tell(what: str) -> None:
            status.update(f"[{time.monotonic() - began_s:4.0f} s] {what}")

        if options.command == "times":
            figures = times.measure(folder, tell)
            times.write(figures, options.out)
        else:
            figures = validate.validate(folder, tell, partial(_keep, options.out), rounds=options.rounds)
    code = _show_times(figures, console) if options.command == "times" else _show_rounds(figures, console)
    console.print(f"figures  {options.out}", soft_wrap=True)
    return code


def _keep(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _show_times(figures: dict[str, Any], console: Console) -> int:
    table = Table(title="Processor seconds of one image")
    for column in ("camera", "MP", "MB", "least", "median", "most"):
        table.add_column(column, justify="left" if column == "camera" else "right")
    for name, camera in figures["cameras"].items():
        seconds = sorted(camera["seconds"])
        row = (seconds[0], seconds[len(seconds) // 2], seconds[-1])
        table.add_row(name, f"{camera['megapixels']}", f"{camera['original_mb']}", *(f"{each:.2f}" for each in row))
    console.print(table)
    return 0


def _show_rounds(figures: dict[str, Any], console: Console) -> int:
    images = figures["images"]
    table = Table(
        title=f"{images['main']} images through {figures['processes']} processes of a real worker, "
        f"predicted from {images['calibration']} others"
    )
    for column in ("round", "predicted", "real", "error", "load changed by", "error at equal load"):
        table.add_column(column, justify="right")
    for number, each in enumerate(figures["rounds"], 1):
        table.add_row(
            str(number),
            f"{each['predicted_s']:.1f} s",
            f"{each['real_s']:.1f} s",
            f"{each['error']:+.1%}",
            f"{each['load'] - 1:+.1%}",
            f"{each['at_equal_load']:+.1%}",
        )
    console.print(table)
    error = figures["median_error"]
    met = abs(error) <= figures["allowed"]
    console.print(
        f"median error {error:+.1%}, at equal load {figures['median_error_at_equal_load']:+.1%}; "
        f"allowed ±{figures['allowed']:.0%}: {'[green]met[/]' if met else '[red]missed[/]'}"
    )
    return 0 if met else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.fleet", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, out, what in (
        ("times", SERVICE_TIMES, "measure processor seconds per image"),
        ("validate", Path("build/fleet-validation.json"), "predict a real worker's drain, then measure it"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument(
            "--out", type=Path, default=out, metavar="FILE", help=f"where figures go (default {out.name})"
        )
        command.add_argument("--work", type=Path, default=Path("build"), metavar="DIR", help="where data go")
        command.add_argument("--width", type=int, help="columns of the tables (default: the terminal's)")
        if name == "validate":
            command.add_argument("--rounds", type=int, default=validate.ROUNDS, help="the median of so many is judged")
    return parser
