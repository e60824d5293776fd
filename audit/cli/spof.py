"""`audit spof DIR`: what stops when one thing dies, as a table; exit 1 when a single death stops anything."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.assembly import load_assembly
from audit.reach.load import read_network
from audit.spof.judge import Death, Judgement, judge
from audit.spof.model import Component
from audit.spof.read import read_components
from audit.spof.words import within


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("spof", help="what stops when one instance, zone or service dies")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument("--tolerate", action="store_true", help="list single points of failure without failing")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge and print."""
    assembly = load_assembly(options.assembly)
    network = read_network(assembly)
    judgement = judge(read_components(assembly, network), network.zones)
    if options.json:
        print(json.dumps(_as_json(judgement), indent=1))
    else:
        _print(judgement)
    return 1 if judgement.single_points and not options.tolerate else 0


def _print(judgement: Judgement) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    table = Table(title="If one of it dies", title_justify="left", show_lines=True)
    for column in ("component", "parts", "what stops", "users see", "recovered by", "within"):
        table.add_column(column)
    for component, death in judgement.parts:
        table.add_row(
            component.name, _parts(component), _stops(death), component.users_see, component.recovery, within(component)
        )
    console.print(table)
    zones = Table(title="If a zone is lost", title_justify="left")
    for column in ("zone", "what stops", "because of"):
        zones.add_column(column)
    for death in judgement.zones:
        zones.add_row(death.what.removeprefix("zone "), _stops(death), ", ".join(death.because))
    console.print(zones)
    wholes = Table(title="If all of it is gone", title_justify="left")
    for column in ("component", "what stops", "users see"):
        wholes.add_column(column)
    for component, death in judgement.wholes:
        wholes.add_row(component.name, ", ".join(sorted(death.stops)) or "nothing", component.users_see_none)
    console.print(wholes)
    points = judgement.single_points
    for death in points:
        console.print(f"[red]single point of failure[/]: {death.what} stops {', '.join(sorted(death.stops))}")
    if not points:
        console.print("[green]no single point of failure[/]")


def _parts(component: Component) -> str:
    if component.regional:
        return "regional"
    return f"{len(component.parts)} in {len(component.zones)} zones"


def _stops(death: Death) -> str:
    return f"[red]{', '.join(sorted(death.stops))}[/]" if death.stops else "[green]nothing[/]"


def _as_json(judgement: Judgement) -> dict[str, object]:
    return {
        "parts": [
            {
                "component": component.name,
                "resources": [str(address) for address in component.resources],
                "parts": [part.zone for part in component.parts],
                "stops": sorted(death.stops),
                "users_see": component.users_see,
                "recovery": component.recovery,
                "recovery_s": component.recovery_s,
                "basis": component.basis,
            }
            for component, death in judgement.parts
        ],
        "zones": [
            {"zone": death.what, "stops": sorted(death.stops), "because": death.because} for death in judgement.zones
        ],
        "single_points": [{"what": death.what, "stops": sorted(death.stops)} for death in judgement.single_points],
    }
