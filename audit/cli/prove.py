"""`audit prove DIR`: the invariants over a cloud assembly, as a table; exit 1 when one is refuted."""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from audit.cli.networks import add_arguments, network_of
from audit.reach.invariants import read_invariants
from audit.reach.prove import Proof, prove

INVARIANTS = Path(__file__).resolve().parents[1] / "invariants.toml"
_SHOWN = 5


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("prove", help="prove the network's invariants, with all zones and without each")
    add_arguments(parser)
    parser.add_argument("--invariants", type=Path, default=INVARIANTS, metavar="FILE", help="what must hold")
    parser.add_argument(
        "--one-zone",
        action="store_true",
        help="it does not claim to survive a lost zone: prove nothing about that, nor about a NAT gateway in each",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prove and print."""
    proofs = prove(network_of(options), read_invariants(options.invariants), one_zone=options.one_zone)
    if options.json:
        print(json.dumps([_as_json(proof) for proof in proofs], indent=1))
    else:
        _print(proofs)
        if options.one_zone:
            print("Nothing is claimed about the loss of a zone (--one-zone).")
    return 0 if all(proof.proved for proof in proofs) else 1


def _print(proofs: tuple[Proof, ...]) -> None:
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(title="Network proofs", title_justify="left")
    table.add_column("statement")
    table.add_column("cases", justify="right")
    zones = list(dict.fromkeys(proof.lost for proof in proofs))
    for zone in zones:
        table.add_column("all zones" if zone is None else f"without {zone}")
    for statement in dict.fromkeys(proof.statement for proof in proofs):
        found = {proof.lost: proof for proof in proofs if proof.statement == statement}
        judged = sum(proof.cases for proof in found.values())
        table.add_row(statement, str(judged), *(_mark(found.get(zone)) for zone in zones))
    console.print(table)
    refuted = [proof for proof in proofs if not proof.proved]
    for proof in refuted:
        console.print(f"[red]refuted[/]{f' without {proof.lost}' if proof.lost else ''}: {proof.statement}")
        for refutation in proof.refutations[:_SHOWN]:
            console.print(f"  {refutation}", highlight=False, markup=False)
        if (more := len(proof.refutations) - _SHOWN) > 0:
            console.print(f"  and {more} more")
    cases = sum(proof.cases for proof in proofs)
    console.print(f"{len(proofs) - len(refuted)} of {len(proofs)} statements proved over {cases} cases")


def _mark(proof: Proof | None) -> str:
    if proof is None:
        return ""
    return "[green]proved[/]" if proof.proved else "[red]refuted[/]"


def _as_json(proof: Proof) -> dict[str, Any]:
    return {
        "statement": proof.statement,
        "without_zone": proof.lost,
        "proved": proof.proved,
        "cases": proof.cases,
        "refutations": [
            {"what": item.what, "hop": item.hop, "packet": str(item.packet) if item.packet else None}
            for item in proof.refutations
        ],
    }
