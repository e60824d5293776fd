"""`audit prices show|refresh`: the price table of a region, and how it is read anew; exit 1 when rows could not be."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from audit.cost import prices
from audit.cost.catalog import describe
from audit.cost.prices import REGIONS, Price, PriceTable
from audit.cost.refresh import Change, Products, ask_aws, refresh, write
from audit.errors import AuditError, Problem


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("prices", help="the price table: what is in it, and reading it anew from AWS")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="every row with its day and its source")
    show.add_argument("region", nargs="?", default="eu-west-1", metavar="REGION")
    show.set_defaults(run=run_show)
    anew = actions.add_parser("refresh", help="ask AWS's price list, with the credentials of this shell")
    anew.add_argument("--region", default="eu-west-1", metavar="REGION", help="default: eu-west-1")
    anew.add_argument("--like", default="eu-west-1", metavar="REGION", help="whose rows a new region's table gets")
    anew.add_argument("--add", action="append", default=[], metavar="KEY", help="one more row, such as ec2.c7i.4xlarge")
    anew.add_argument("--folder", type=Path, default=REGIONS, metavar="DIR", help="where the tables are")
    anew.set_defaults(run=run_refresh)
    for each in (show, anew):
        each.set_defaults(command="prices")


def run_show(options: argparse.Namespace) -> int:
    """Print a table."""
    found, today = prices.load(options.region), datetime.now(UTC).date()
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    table = Table(title=f"List prices of {found.region}", title_justify="left")
    table.add_column("key", no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True)
    table.add_column("for one")
    table.add_column("as of", no_wrap=True)
    table.add_column("verified")
    table.add_column("source", overflow="fold")
    for price in found:
        day = f"[yellow]{price.as_of}, stale[/]" if price.stale(today) else str(price.as_of)
        verified = "[green]yes[/]" if price.verified else "[yellow]no[/]"
        table.add_row(price.key, _usd(price), price.unit, day, verified, price.source)
    console.print(table)
    console.print(
        f"{len(found.rows)} rows, {len(found.rows) - len(found.unverified)} verified, {len(found.stale(today))} stale "
        f"(more than {prices.STALE_AFTER.days} days old)"
    )
    return 0


def run_refresh(options: argparse.Namespace) -> int:
    """Read a table anew and write it."""
    path = options.folder / f"{options.region}.json"
    old = prices.read(path) if path.is_file() else None
    keys = [*(old or prices.load(options.like, options.folder)).rows, *options.add]
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    new, changes = _with_progress(options.region, keys, old, ask_aws())
    if not any(change.after for change in changes):
        raise AuditError(Problem(where=f"prices: {change.key}", why=change.why) for change in changes[:3])
    write(new, path)
    _print(console, changes)
    console.print(f"{path}: {len(new.rows)} rows, {sum(change.moved for change in changes)} changed")
    return 1 if any(change.after is None for change in changes) else 0


def _with_progress(
    region: str, keys: list[str], old: PriceTable | None, products: Products
) -> tuple[PriceTable, list[Change]]:
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task(f"asking AWS for {region}", total=len(set(keys)))

        def counted(service: str, query: Mapping[str, str]) -> list[Any]:
            found = products(service, query)
            progress.advance(task)
            return found

        return refresh(region, keys, old, counted)


def _print(console: Console, changes: list[Change]) -> None:
    moved = [change for change in changes if change.moved]
    if moved:
        table = Table(title="Changed", title_justify="left")
        for column in ("key", "what", "before", "after", "as of"):
            table.add_column(column, no_wrap=column == "key")
        for change in moved:
            before = _usd(change.before) if change.before else "–"
            after = _usd(change.after) if change.after else "–"
            day = str(change.after.as_of) if change.after else ""
            table.add_row(change.key, describe(change.key), before, after, day)
        console.print(table)
    for change in changes:
        if change.after is None:
            kept = "kept as it was" if change.before else "left out"
            console.print(f"[red]not read[/], {kept}: {change.key}: {change.why}", soft_wrap=True)


def _usd(price: Price) -> str:
    more = f" (… {len(price.tiers)} tiers)" if len(price.tiers) > 1 else ""
    return f"{price.usd:.10f}".rstrip("0").rstrip(".") + more
