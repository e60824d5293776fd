"""`audit fleet DIR`: how long images take, what it costs, what is lost, simulated; exit 1 when one is lost or left."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from audit.assembly import load_assembly
from audit.cost import prices
from audit.errors import AuditError, Problem
from audit.fleet.assumptions import ASSUMPTIONS, read_assumptions
from audit.fleet.model import Fleet
from audit.fleet.page import how_many, write
from audit.fleet.read import read_fleet
from audit.fleet.recommend import minutes
from audit.fleet.report import Inputs, report
from audit.fleet.report import Progress as Told
from audit.fleet.scenarios import SCENARIOS, read_scenarios
from audit.fleet.service_times import SERVICE_TIMES, read_service_times
from audit.fleet.strategies import alternatives


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("fleet", help="simulate the workers: drain time, cost, losses, by strategy")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument("--against", type=Path, metavar="DIR", help="compare with this assembly's fleet as well")
    parser.add_argument("--only", action="append", metavar="SCENARIO", help="this scenario alone, may be repeated")
    parser.add_argument("--scenarios", type=Path, default=SCENARIOS, metavar="FILE", help="other scenarios")
    parser.add_argument(
        "--service-times", type=Path, default=SERVICE_TIMES, metavar="FILE", help="other measured times"
    )
    parser.add_argument("--assumptions", type=Path, default=ASSUMPTIONS, metavar="FILE", help="other assumptions")
    parser.add_argument(
        "--assume", action="append", default=[], metavar="NAME=VALUE", help="fix one assumption, may be repeated"
    )
    parser.add_argument("--prices", type=Path, metavar="FILE", help="another price table")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same figures (default 1)")
    parser.add_argument("--exact", action="store_true", help="no batches: every image by itself, however many")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="bring fleet.md, its figures and plots up to date")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Simulate and print."""
    inputs = read_inputs(options)
    console = Console(stderr=True)
    with _progress(console, inputs) as told:
        figures = report(inputs, told)
    if options.docs is not None:
        write(figures, options.docs)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        _print(figures)
    return 1 if any(each["lost"] or each["left"] for _, _, each in _all(figures)) else 0


def read_inputs(options: argparse.Namespace) -> Inputs:
    """Everything that is read, before anything is simulated.

    Raises:
        AuditError: a file or an option is not what it should be.
    """
    fleet = read_fleet(load_assembly(options.assembly))
    fleets = alternatives(fleet)
    if options.against is not None:
        fleets = _with(fleets, read_fleet(load_assembly(options.against)))
    return Inputs(
        fleets=fleets,
        scenarios=read_scenarios(options.scenarios, only=options.only),
        times=read_service_times(options.service_times),
        assumptions=read_assumptions(options.assumptions).with_values(dict(_assumed(options.assume))),
        prices=prices.read(options.prices) if options.prices else prices.load(fleet.region),
        seed=options.seed,
        exact=options.exact,
    )


def _with(fleets: list[Fleet], other: Fleet) -> list[Fleet]:
    """The other assembly's fleet in place of the one that was derived for its strategy."""
    if other.strategy is fleets[0].strategy:
        why = f"is {other.strategy} like {fleets[0].name}; another strategy is needed to compare with"
        raise AuditError([Problem(where=f"--against {other.name}", why=why)])
    return [*(fleet for fleet in fleets if fleet.strategy is not other.strategy), other]


def _assumed(written: list[str]) -> Iterator[tuple[str, float]]:
    for item in written:
        name, _, value = item.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise AuditError([Problem(where=f"--assume {item}", why="NAME=VALUE with a number from 0 is needed")])
        yield name.strip(), number


@contextmanager
def _progress(console: Console, inputs: Inputs) -> Iterator[Told]:
    """One bar over all images of all scenarios and fleets."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    whole = sum(scenario.images for scenario in inputs.scenarios.values()) * len(inputs.fleets)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("images", total=whole)
        settled_of: dict[tuple[str, str], int] = {}

        def told(scenario: str, fleet: str, settled: int, images: int) -> None:
            settled_of[scenario, fleet] = min(settled, images)
            progress.update(bar, completed=sum(settled_of.values()), description=f"{scenario}, {fleet}")

        yield told


def _all(figures: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for scenario, each in figures["scenarios"].items():
        for fleet, found in each["fleets"].items():
            yield scenario, fleet, found


def _print(figures: dict[str, Any]) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 170)
    for name, fleet in figures["fleets"].items():
        own = " (its own)" if name == figures["own"] else ""
        console.print(f"[bold]{name}[/]{own}: {fleet['origin']}; {fleet['most_processes']} images at a time at most")
    if len(figures["fleets"]) == 1:
        console.print("nothing to compare with: what the templates do not hold cannot be derived; see --against")
    table = Table(title=f"The fleet of {figures['environment']}, simulated", title_justify="left")
    for column in ("scenario", "images", "strategy", "drained in", "wait p50", "wait p95", "USD", "per 1000", "busy"):
        table.add_column(column, justify="left" if column in {"scenario", "strategy"} else "right")
    for column in ("most workers", "dead letters", "lost"):
        table.add_column(column, justify="right")
    for scenario in figures["scenarios"].values():
        for number, (fleet, found) in enumerate(scenario["fleets"].items()):
            table.add_row(
                scenario["title"] if not number else "",
                f"{scenario['images']:,}" if not number else "",
                fleet,
                f"[red]{found['left']:,} left[/]" if found["left"] else minutes(found["drained_s"]),
                minutes(found["p50_wait_s"]),
                minutes(found["p95_wait_s"]),
                f"{found['usd']:,.2f}",
                f"{found['usd_per_1000']:.2f}",
                f"{found['utilisation']:.0%}",
                how_many(found),
                f"{found['dead']:,}" if found["dead"] else "0",
                f"[red]{found['lost']:,}[/]" if found["lost"] else "[green]0[/]",
            )
        table.add_section()
    console.print(table)
    for changed in dict.fromkeys(found["changed"] for _, _, found in _all(figures) if found["changed"]):
        console.print(f"Spot: {changed}")
    expired = sum(found["expired"] for _, _, found in _all(figures))
    if expired:
        console.print(f"[red]{expired:,} images waited longer than the queue keeps messages[/] and are lost")
    recommendation = figures["recommendation"]
    if recommendation:
        console.print(f"[bold]recommended: {recommendation['strategy'] or 'none'}[/]. {recommendation['rule']}")
        for reason in recommendation["reasons"]:
            console.print(f"  {reason}".replace("`", ""))
    unverified = figures["prices_unverified"]
    if unverified:
        console.print(f"[yellow]prices not verified[/]: {', '.join(unverified)}")
