"""`audit reach DIR`: a journey hop by hop, or the matrix of all of them."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from audit.cli.networks import add_arguments, network_of
from audit.errors import AuditError, Problem
from audit.reach.hops import Direction, Verdict
from audit.reach.invariants import Invariants, read_invariants
from audit.reach.journey import End, Journey, Service, journey
from audit.reach.matrix import PROTOCOLS, as_json, ends, pairs
from audit.reach.network import Interface, Network
from audit.reach.packets import Axis, Interval, without


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("reach", help="who can talk to whom, and what decides")
    add_arguments(parser)
    parser.add_argument("--from", dest="source", metavar="NAME", help="internet, a party, or part of a name")
    parser.add_argument("--to", dest="target", metavar="NAME", help="the same, or a service such as s3")
    parser.add_argument("--port", type=int, help="destination port; the whole range when left out")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="tcp")
    parser.add_argument("--matrix", action="store_true", help="every ordered pair of interfaces and the internet")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--parties", type=Path, metavar="FILE", help="invariants that name parties")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer the question."""
    asked = bool(options.source) + bool(options.target)
    if asked == 1 or bool(asked) == options.matrix:
        raise AuditError([Problem(where="arguments", why="give --from and --to, or --matrix")])
    if options.port is not None and not 0 <= options.port <= 65_535:
        raise AuditError([Problem(where=f"--port {options.port}", why="a port from 0 to 65535 is needed")])
    network = network_of(options)
    if options.matrix:
        print(json.dumps(as_json(network), indent=1) if options.json else "\n".join(_lines(network)))
        return 0
    invariants = read_invariants(options.parties) if options.parties else None
    sources = _named(network, options.source, invariants)
    targets = _named(network, options.target, invariants)
    protocol = PROTOCOLS[options.protocol]
    wanted: tuple[Interval, ...] = ((0, 65_535),) if options.port is None else ((options.port, options.port),)
    console = Console(highlight=False, width=None if Console().is_terminal else 180)
    for source in sources:
        for target in targets:
            if source is not target:
                _tell(console, journey(network, source, target, protocol=protocol), options.protocol, wanted)
    return 0


def _named(network: Network, name: str, invariants: Invariants | None) -> tuple[End, ...]:
    """The ends that a name stands for: exactly, by party, by kind, or by a part of the path."""
    everyone = ends(network)
    party = invariants.parties.get(name) if invariants else None
    for matches in (
        [end for end in everyone if str(end).lower() == name.lower()],
        [end for end in everyone if party and _belongs(network, end, party.group, party.service)],
        [end for end in everyone if isinstance(end, Interface) and end.kind.value == name.lower()],
        [end for end in everyone if isinstance(end, Interface) and name.lower() in f"{end.name} {end}".lower()],
    ):
        if matches:
            return tuple(matches)
    known = ", ".join(sorted({str(end) for end in everyone}))
    raise AuditError([Problem(where=f"name {name!r}", why=f"is nobody here; there are: {known}")])


def _belongs(network: Network, end: End, group: str | None, service: str | None) -> bool:
    if isinstance(end, Interface):
        return group in {network.groups[address].name for address in end.groups}
    return isinstance(end, Service) and end.name == service


def _tell(console: Console, found: Journey, protocol: str, wanted: tuple[Interval, ...]) -> None:
    console.print(f"[bold]{escape(str(found.source))} -> {escape(str(found.target))}[/] {protocol} {_ranges(wanted)}")
    if found.refused is not None:
        console.print(f"  [red]blocked[/]: {escape(found.refused)}\n")
        return
    for leg in found.legs:
        for verdict in leg.verdicts:
            shown = _of_ports(verdict, wanted)
            if shown:
                mark = "[green]pass[/]" if verdict.passes else "[red]drop[/]"
                where = f"{verdict.hop}: {verdict.rule}"
                console.print(f"  {verdict.direction.value:8}{mark}  {escape(where)}  [dim]ports {shown}[/]")
    complete = without(wanted, without(((0, 65_535),), found.complete))
    partial = without(wanted, without(((0, 65_535),), found.partial))
    if complete:
        console.print(f"  [green]completes[/] for every packet: ports {_ranges(complete)}")
    if partial:
        console.print(f"  [yellow]completes for some packets only[/]: ports {_ranges(partial)}")
    for item in found.blocked(wanted):
        console.print(
            f"  [red]blocked[/]: ports {_ranges(item.ports)} by {escape(item.verdict.hop)}: "
            f"{escape(item.verdict.rule)} ({item.verdict.direction}), such as {item.example}"
        )
    console.print()


def _of_ports(verdict: Verdict, wanted: tuple[Interval, ...]) -> str:
    """The connection's destination ports that a verdict is about, as far as they were asked for."""
    axis = Axis.TARGET_PORT if verdict.direction is Direction.FORWARD else Axis.SOURCE_PORT
    shown = without(wanted, without(((0, 65_535),), verdict.packets.values(axis)))
    return _ranges(shown)


def _lines(network: Network) -> Iterator[str]:
    """The matrix for people: only pairs that are connected; the rest is unreachable."""
    silent = 0
    for pair in pairs(network):
        if not pair.connected:
            silent += 1
            continue
        found = "; ".join(
            f"{name} {_ranges(item.complete)}{f' (partly {_ranges(item.partial)})' if item.partial else ''}"
            for name, item in pair.journeys.items()
            if item.some
        )
        through = {name for item in pair.journeys.values() for name in item.through}
        by = f" through {', '.join(sorted(through))}" if through else ""
        yield f"{pair.source} -> {pair.target}: {found}{by}"
    yield f"{silent} other pairs: no round trip completes"


def _ranges(intervals: tuple[Interval, ...]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in intervals)
