"""`audit draw DIR --out FILE`: the network as a picture of what was proved."""

import argparse
from pathlib import Path

from audit.assembly import load_assembly
from audit.cli.files import write
from audit.cli.prove import INVARIANTS
from audit.draw.picture import draw
from audit.draw.scene import scene
from audit.reach.invariants import read_invariants
from audit.reach.load import read_network
from audit.reach.prove import cases, prove_cases


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("draw", help="draw the network from its proof")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the SVG to write")
    parser.add_argument("--invariants", type=Path, default=INVARIANTS, metavar="FILE", help="parties and flows")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prove and draw."""
    write(options.out, picture(options.assembly, options.invariants))
    return 0


def picture(folder: Path, invariants: Path = INVARIANTS) -> str:
    """The picture of an assembly's network."""
    found = cases(read_network(load_assembly(folder)), read_invariants(invariants))
    return draw(scene(found[None], prove_cases(found), title=f"The network of {folder.resolve().name}, as proved"))
