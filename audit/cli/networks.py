"""Arguments of all subcommands that read a network."""

import argparse
from pathlib import Path

from audit.assembly import load_assembly
from audit.errors import AuditError, Problem
from audit.reach.load import read_network
from audit.reach.network import Network


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The assembly, and what its templates do not tell."""
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument(
        "--prefix-list",
        action="append",
        default=[],
        metavar="ID=SERVICE",
        help="whose addresses a list of AWS holds, such as pl-6da54004=s3",
    )


def network_of(options: argparse.Namespace) -> Network:
    """The network of the assembly.

    Raises:
        AuditError: it cannot be read, or an argument is wrong.
    """
    lists: dict[str, str] = {}
    for item in options.prefix_list:
        name, separator, service = item.partition("=")
        if not separator or not name or not service:
            raise AuditError([Problem(where="--prefix-list", why=f"{item!r} is not ID=SERVICE")])
        lists[name] = service
    return read_network(load_assembly(options.assembly), prefix_lists=lists)
