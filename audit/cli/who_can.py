"""`audit who-can DIR ACTION RESOURCE`: every role for which a request is not denied, and the statement that decides."""

import argparse
from pathlib import Path

from rich.console import Console

from audit.assembly import load_assembly
from audit.errors import AuditError, Problem
from audit.iam.conditions import ABSENT
from audit.iam.evaluate import Outcome, Request, who_can
from audit.iam.model import read_policies
from audit.iam.names import arn_of_path


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("who-can", help="which roles may do something to a resource")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument("action", metavar="ACTION", help="such as s3:GetObject")
    parser.add_argument("resource", metavar="RESOURCE", help="an ARN, a pattern, or a construct path")
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a condition key; KEY= when it is absent",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer."""
    assembly = load_assembly(options.assembly)
    context: dict[str, object] = {}
    for item in options.context:
        key, separator, value = item.partition("=")
        if not separator:
            raise AuditError([Problem(where="--context", why=f"{item!r} is not KEY=VALUE")])
        context[key.lower()] = value or ABSENT
    resource = options.resource
    if not resource.startswith(("arn:", "*")):
        found = arn_of_path(assembly, resource)
        if found is None:
            raise AuditError([Problem(where=f"resource {resource!r}", why="is no ARN and no construct path")])
        resource = found
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    request = Request(action=options.action, resource=resource, context=context)
    console.print(f"{options.action} on {resource}", markup=False)
    nobody = True
    for principal, decision in who_can(read_policies(assembly), request):
        nobody = False
        depends = ""
        if decision.outcome is Outcome.DEPENDS:
            depends = f" on {', '.join(sorted(decision.open_keys))}" if decision.open_keys else " on the resource"
        console.print(f"  {principal.name}: {decision.outcome}{depends}", markup=False)
        for statement in decision.by:
            console.print(f"    {statement}", markup=False)
    if nobody:
        console.print("  nobody")
    return 0
