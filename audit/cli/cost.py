"""`audit cost DIR`: what a month costs, by component, with its drivers and its rivals; exit 2 when it cannot tell."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.assembly import load_assembly
from audit.cli.files import write
from audit.cost import prices, profile
from audit.cost.estimate import region_of
from audit.cost.model import Driver, Level, NotPriced
from audit.cost.page import markdown
from audit.cost.report import Report, as_json, report
from audit.cost.single import BATCH
from audit.cost.words import number, number_range, share, times, usd, usd_range

_BAR = 24


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("cost", help="what a month costs, by component, and what it would cost otherwise")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument(
        "--profile",
        default="agency",
        metavar="NAME",
        help=f"how much is used: {', '.join(profile.shipped())}, or a file like them (default: agency)",
    )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="a price table instead of the region's own")
    parser.add_argument("--region", metavar="NAME", help="where templates that are made for any region are deployed")
    parser.add_argument("--lines", action="store_true", help="every line of the bill, not the components alone")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the components as an SVG")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Price and print."""
    assembly = load_assembly(options.assembly)
    table = prices.read(options.prices) if options.prices else prices.load(options.region or region_of(assembly))
    found = report(options.assembly.resolve().name, assembly, profile.load(options.profile), table)
    today = datetime.now(UTC).date()
    if options.markdown:
        write(options.markdown, markdown(found))
    if options.plot:
        from audit.cost.plot import bill  # noqa: PLC0415 - loading matplotlib takes half a second: only who draws pays

        write(options.plot, bill(found))
    if options.json:
        print(json.dumps(as_json(found, today), indent=1))
    else:
        _print(found, today, lines=options.lines)
    return 0


def _print(found: Report, today: date, *, lines: bool) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 130)
    bill = found.estimate
    console.print(
        f"[bold]{found.name}[/] in {bill.region}, USD a month; {found.profile.title}: "
        f"{number_range(bill.images)} images ({number(bill.images.expected)} expected), "
        f"an archive of {number_range(found.profile.kept.archive_months.range)} months\n"
    )
    _bill(console, found)
    if lines:
        _lines(console, found)
    else:
        _drivers(console, found)
    _ways(console, found)
    _zones(console, found)
    _scaling(console, found)
    _single(console, found)
    _trust(console, found, today)


def _bill(console: Console, found: Report) -> None:
    bill = found.estimate
    table = Table(title="By component", title_justify="left")
    table.add_column("component")
    for column in ("low", "expected", "high"):
        table.add_column(column, justify="right")
    table.add_column("share")
    table.add_column("grows with")
    total = bill.total
    most = max((cost.expected for cost in bill.by_component().values()), default=0.0) or 1.0
    for name, cost in bill.by_component().items():
        bar = "█" * round(_BAR * cost.expected / most)
        table.add_row(
            name,
            *(usd(cost.at(level)) for level in Level),
            f"[cyan]{bar:<{_BAR}}[/] {share(cost.expected, total.expected):>5}",
            _grows(found, name),
        )
    table.add_section()
    table.add_row("[bold]all[/]", *(f"[bold]{usd(total.at(level))}[/]" for level in Level), "", "")
    for name, driver in (("fixed", Driver.FIXED), ("grows with images", Driver.IMAGES)):
        cost = bill.of_driver(driver)
        table.add_row(name, *(usd(cost.at(level)) for level in Level), share(cost.expected, total.expected), "")
    if found.budget:
        row = (
            f"of the budget, {usd(found.budget)}",
            *(share(total.at(level), found.budget) for level in Level),
            "",
            "",
        )
        table.add_row(*row)
    for name, each in (("per 1000 images", found.per_thousand), ("another 1000 images", found.next_thousand)):
        if each is not None:
            table.add_row(name, *(usd(each.at(level)) for level in Level), "", "")
    console.print(table)


def _grows(found: Report, component: str) -> str:
    drivers = {line.driver for line in found.estimate.lines if line.component == component}
    if drivers == {Driver.FIXED}:
        return "nothing"
    return "images" if drivers == {Driver.IMAGES} else "images, in part"


def _drivers(console: Console, found: Report) -> None:
    table = Table(title="Dearest lines", title_justify="left")
    for column in ("component", "what", "caused by"):
        table.add_column(column)
    for column in ("amount", "expected"):
        table.add_column(column, justify="right")
    for line in found.drivers():
        amount = f"{number(line.quantity.expected)} {line.unit}"
        table.add_row(line.component, line.what, line.path, amount, usd(line.cost.expected))
    console.print(table)
    if found.worker_use is not None:
        low, high = (share(value, 1) for value in (found.worker_use.low, found.worker_use.high))
        console.print(
            f"Workers that always run have work for {low if low == high else f'{low} to {high}'} of the month."
        )


def _lines(console: Console, found: Report) -> None:
    table = Table(title="Every line", title_justify="left")
    for column in ("component", "what", "caused by", "price"):
        table.add_column(column)
    for column in ("amount", "low", "expected", "high"):
        table.add_column(column, justify="right")
    for line in sorted(found.estimate.lines, key=lambda line: (line.component, -line.cost.expected)):
        mark = "" if line.verified else " *"
        amount = f"{number(line.quantity.expected)} {line.unit}"
        costs = (usd(line.cost.at(level)) for level in Level)
        table.add_row(line.component, line.what, line.path, line.price + mark, amount, *costs)
    console.print(table)
    console.print("* price not verified")


def _ways(console: Console, found: Report) -> None:
    table = Table(title="Ways to AWS services: endpoint or NAT", title_justify="left")
    table.add_column("service")
    table.add_column("now")
    for column in ("GB a month", "by endpoint", "by NAT", "endpoint pays from"):
        table.add_column(column, justify="right")
    table.add_column("cheaper")
    shown = [way for way in found.ways if way.endpoint or way.cheaper == "endpoint"]
    for way in shown:
        pays = "never" if way.break_even_gb is None else f"{number(way.break_even_gb)} GB"
        now = "endpoint" if way.endpoint else "NAT"
        colour = "green" if now == way.cheaper else "yellow"
        table.add_row(
            way.service,
            now,
            number_range(way.gb),
            usd(way.by_endpoint.expected),
            usd(way.by_nat.expected),
            "always, it is free" if way.break_even_gb == 0 else pays,
            f"[{colour}]{way.cheaper}[/]",
        )
    console.print(table)
    if others := [way.service for way in found.ways if way not in shown]:
        console.print(f"Through NAT, and cheaper so: {', '.join(others)}.")
    waste = sum(way.by_endpoint.expected - way.by_nat.expected for way in found.ways if way.endpoint and way.zones)
    if waste > 0:
        console.print(
            f"The interface endpoints together cost {usd(waste)} more than the same data through NAT: the price of a "
            "way that stays inside AWS."
        )


def _zones(console: Console, found: Report) -> None:
    spare, total = found.spare, found.estimate.total
    parts = ", ".join(f"{name} {usd(cost.expected)}" for name, cost in found.spare_by_component.items())
    console.print(
        f"\n[bold]To survive the loss of a zone[/]: {usd(spare.expected)} of {usd(total.expected)}, "
        f"{share(spare.expected, total.expected)}{f': {parts}' if parts else ''}"
    )


def _scaling(console: Console, found: Report) -> None:
    for limit in found.limits:
        console.print(
            f"[bold]{limit.what}[/] ({limit.path}): {limit.least:g} to {limit.most:g}; all month that would be "
            f"{usd(limit.least_usd)} to {usd(limit.most_usd)}"
        )


def _single(console: Console, found: Report) -> None:
    single, investment = found.single, found.investment
    table = Table(title="Against one server with everything on it", title_justify="left")
    table.add_column("")
    for column in ("one server", "this design"):
        table.add_column(column, justify="right")
    table.add_row("a month", usd_range(single.total), usd_range(found.estimate.total))
    table.add_row("expected", usd(single.total.expected), usd(found.estimate.total.expected))
    table.add_row(
        f"work for {BATCH:,} images, all workers up", times(single.batch_hours), times(single.batch_hours_of_design)
    )
    table.add_row("a month's images in a month", "yes" if single.can_do_it else "[red]no[/]", "yes")
    table.add_row(
        "hours of outage in a year, assumed", *map(number_range, (investment.server_hours, investment.design_hours))
    )
    console.print(table)
    console.print(
        f"An hour of outage costs {usd_range(investment.hour_usd)} ({usd(investment.hour_usd.expected)} expected). "
        f"The design costs {usd(investment.extra_usd.expected)} more in a year: "
        f"{number(investment.break_even_hours.expected)} avoided hours pay for it "
        f"({number_range(investment.break_even_hours)})."
    )


def _trust(console: Console, found: Report, today: date) -> None:
    bill = found.estimate
    counted = len({line.resource for line in bill.lines} | {item.resource for item in bill.missing})
    left_out = [item for item in bill.not_priced if not item.free]
    free = len(bill.not_priced) - len(left_out)
    console.print(f"\n{counted} resources counted, {free} free, {len(left_out)} left out:")
    for why, items in _by_reason(left_out).items():
        console.print(f"  {why}: {', '.join(items)}", markup=False)
    oldest = min((price.as_of for price in found.used), default=today)
    console.print(
        f"{len(found.used)} prices, the oldest of {oldest}; {len(found.unverified)} not verified, on which "
        f"{share(found.unverified_share, 1)} of the bill hangs: see `audit prices show {bill.region}`"
    )
    stale = found.stale(today)
    for day in sorted({price.as_of for price in stale}):
        keys = ", ".join(price.key for price in stale if price.as_of == day)
        console.print(f"[yellow]stale[/], of {day}, {(today - day).days} days ago: {keys}")
    for item in bill.missing:
        what = f"{item.component}, {item.what} ({item.path}): {number(item.quantity.expected)} without a price"
        console.print(f"[red]missing price[/] {item.price}: {what}")


def _by_reason(items: Sequence[NotPriced]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for item in items:
        reasons.setdefault(item.why, []).append(item.path)
    return reasons
