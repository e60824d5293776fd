"""`processor run`: develops files, folders and globs."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from processor.batch import BatchOptions, run_batch
from processor.batch.inputs import expand
from processor.batch.options import default_jobs
from processor.cli.display import LiveDisplay
from processor.cli.dry_run import show_plans
from processor.cli.recipe import usable_recipe
from processor.licences import DEFAULT_TIMEOUT_S, LicenceOptions, default_folder
from processor.limits import Limits
from processor.report import BatchReport, write_contact_sheet, write_json
from processor.report.batch_page import write_html
from processor.result import Status
from processor.types import Tier

_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "run",
        help="develop files, folders and globs",
        description="Develops RAW files into renditions; skips what is done, so a run that was broken off goes on.",
    )
    command.add_argument("inputs", nargs="+", metavar="INPUT", help="a RAW file, a folder, or a quoted glob")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for renditions and reports")
    command.add_argument("--recipe", default="default", help="a .toml or .json file, or a preset (default: default)")
    command.add_argument("--tier", choices=[tier.value for tier in Tier], help="overrides the recipe's quality tier")
    command.add_argument(
        "--jobs", type=int, metavar="N", help=f"worker processes (default: {default_jobs()}, the cores)"
    )
    command.add_argument("--limit", type=int, metavar="N", help="develop only the first N")
    command.add_argument("--fail-fast", action="store_true", help="take no further image after the first failure")
    command.add_argument("--strict", action="store_true", help="exit 1 when a file is suspect, too")
    command.add_argument("--timeout", type=float, default=300.0, metavar="S", help="seconds per image (default 300)")
    command.add_argument(
        "--memory", type=_bytes, metavar="SIZE", help="for all workers, as 8G (default: 80 %% of the free)"
    )
    command.add_argument(
        "--max-file", type=_bytes, default=_bytes("1G"), metavar="SIZE", help="largest original (default 1G)"
    )
    command.add_argument(
        "--max-megapixels", type=_pixels, default=_pixels("250"), metavar="MP", help="largest sensor (default 250)"
    )
    command.add_argument(
        "--report",
        action="append",
        choices=("json", "html"),
        default=[],
        help="write report.json, report.html; repeatable",
    )
    command.add_argument("--licence", action="append", type=_licence, default=[], metavar="NAME=SEATS",
                         help="filter_license and watermark_license have so many seats on this machine")  # fmt: skip
    command.add_argument(
        "--licence-timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="longest wait for a seat"
    )
    command.add_argument(
        "--filters", action="append", default=[], metavar="MODULE", help="registers custom filters; repeatable"
    )
    command.add_argument("--no-isolation", action="store_true",
                         help="let workers reach the network and every file that you can")  # fmt: skip
    command.add_argument("--readable", action="append", type=Path, default=[], metavar="PATH",
                         help="custom filters may read it, besides the originals; repeatable")  # fmt: skip
    command.add_argument("--writable", action="append", type=Path, default=[], metavar="PATH",
                         help="custom filters may write it, besides the output; repeatable")  # fmt: skip
    command.add_argument("--dry-run", action="store_true", help="print what would be done, read headers only")
    command.add_argument("--quiet", action="store_true", help="no live display")
    command.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Develops the inputs, writes the reports and prints a summary."""
    recipe = usable_recipe(options.recipe, options.filters)
    if options.tier:
        recipe = recipe.model_copy(update={"tier": Tier(options.tier)})
    limits = Limits(
        max_file_bytes=options.max_file,
        max_pixels=options.max_megapixels,
        timeout_s=options.timeout,
    )
    batch = BatchOptions(
        jobs=options.jobs if options.jobs is not None else default_jobs(),
        limit=options.limit,
        fail_fast=options.fail_fast,
        strict=options.strict,
        limits=limits,
        memory_bytes=options.memory,
        licences=_licences(options),
        plugins=tuple(options.filters),
        isolated=not options.no_isolation,
        readable=tuple(options.readable),
        writable=tuple(options.writable),
    )
    if options.dry_run:
        originals = expand(options.inputs, options.out)[: options.limit]
        return 1 if show_plans(originals, recipe, limits, jobs=batch.jobs) else 0
    if options.quiet:
        report = run_batch(options.inputs, recipe, options.out, batch)
    else:
        with LiveDisplay() as display:
            report = run_batch(options.inputs, recipe, options.out, batch, display)
    written = write_reports(report, options.out, options.report)
    summarise(report, written)
    return report.exit_code


def write_reports(report: BatchReport, out_dir: Path, kinds: list[str]) -> list[Path]:
    """Writes the reports that were asked for and returns their paths."""
    written = []
    if "json" in kinds:
        written.append(write_json(report, out_dir))
    if "html" in kinds:
        written += [write_html(report, out_dir), write_contact_sheet(report, out_dir)]
    return written


def summarise(report: BatchReport, written: list[Path]) -> None:
    """Prints what happened: counts, speed, failures by reason, where things are."""
    console = Console(highlight=False)
    counts = ", ".join(
        f"{report.count(status)} {status.value}" for status in Status if report.count(status) or status is Status.OK
    )
    console.print(f"{counts} of {len(report.results)} originals in {report.wall_s:.1f} s", soft_wrap=True)
    if report.count(Status.OK):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_row("throughput", f"{report.images_per_s:.2f} images/s, {report.megapixels_per_s:.0f} MP/s")
        if report.speed_up is not None:
            table.add_row("speed-up", f"{report.speed_up:.2f} on {report.jobs} workers")
        table.add_row("peak memory", f"{report.peak_memory_bytes >> 20} MiB in one worker")
        console.print(table)
    for sentence in report.not_isolated:
        console.print(f"not isolated: {sentence}", soft_wrap=True)
    by_reason: dict[str, int] = {}
    for result in report.results:
        if result.status is Status.FAILED and result.reason is not None:
            by_reason[result.reason.value] = by_reason.get(result.reason.value, 0) + 1
    if by_reason:
        console.print("failed: " + ", ".join(f"{count} × {reason}" for reason, count in sorted(by_reason.items())))
    for path in written:
        console.print(str(path), soft_wrap=True)


def _licences(options: argparse.Namespace) -> LicenceOptions | None:
    if not options.licence:
        return None
    return LicenceOptions(seats=dict(options.licence), folder=default_folder(), timeout_s=options.licence_timeout)


def _licence(text: str) -> tuple[str, int]:
    name, separator, seats = text.partition("=")
    if not separator or not seats.isdecimal() or not name:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=SEATS, as filter_license=2")
    return name, int(seats)


def _pixels(text: str) -> int:
    try:
        pixels = round(float(text) * 1e6)
    except (ValueError, OverflowError):
        pixels = 0
    if pixels < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number of megapixels above 0, as 150")
    return pixels


def _bytes(text: str) -> int:
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in _SIZES else (text, "")
    try:
        size = int(float(number) * _SIZES.get(unit, 1))
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a size such as 800M or 8G")
    return size
