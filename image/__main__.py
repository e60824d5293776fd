"""`python -m image bill | sbom | licences | docs IMAGE`: what a built image is made of."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from image.bill import Bill, read_bill, write_bill
from image.errors import ImageError
from image.inside import contents_of
from image.licences import write_licences
from image.page import PAGE, fresh
from image.sbom import write_sbom

FAILURE = 1


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code: 0, 1 when it cannot be done, 2 after a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except ImageError as error:
        print(f"{error} ({error.reason})", file=sys.stderr)
        return FAILURE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m image", description="What a built container image is made of.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, what in (
        ("bill", _bill, "megabytes by package: a table, and bill.json"),
        ("sbom", _sbom, "bill of materials, CycloneDX: sbom.cdx.json"),
        ("licences", _licences, "licences of everything in it: licences.md"),
        ("docs", _docs, "bring the table of docs/image.md up to date"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("image", help="name of the image, as the engine has it")
        command.add_argument("--out", type=Path, default=Path("build/image"), help="folder for files")
        if name == "sbom":
            command.add_argument("--syft", type=Path, required=True, help="the scanner")
        command.set_defaults(run=run)
    return parser


def _bill(options: argparse.Namespace) -> None:
    bill = read_bill(options.image)
    _show(bill)
    print(f"written: {write_bill(bill, options.out)}")


def _show(bill: Bill) -> None:
    table = Table(title=f"{bill.image} ({bill.architecture})", title_justify="left")
    table.add_column("part")
    table.add_column("version")
    table.add_column("MB", justify="right")
    table.add_column("MB packed", justify="right")
    *rows, total = bill.table()
    for row in rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*total)
    Console().print(table)


def _sbom(options: argparse.Namespace) -> None:
    path, count = write_sbom(options.image, contents_of(options.image), syft=options.syft, folder=options.out)
    print(f"{count} components: {path}")


def _licences(options: argparse.Namespace) -> None:
    contents = contents_of(options.image)
    path = write_licences(contents, options.out)
    print(f"{len(contents.packages)} Python packages, {len(contents.native)} libraries, each with its licence: {path}")


def _docs(options: argparse.Namespace) -> None:
    bill = read_bill(options.image)
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8"), bill), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
