"""`audit iam DIR`: every role against its calls, in both directions, and against what nobody may."""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from audit.assembly import load_assembly
from audit.iam.calls import read_calls
from audit.iam.contract import role_reports
from audit.iam.findings import Finding, Report
from audit.iam.forbidden import forbidden
from audit.iam.guards import guard_reports
from audit.iam.model import read_policies
from audit.iam.scan import code_findings

CALLS = Path(__file__).resolve().parents[1] / "calls.toml"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("iam", help="who may do what: enough for every call, and nothing else")
    parser.add_argument("assembly", type=Path, metavar="DIR", help="what `cdk synth` wrote, such as cdk.out/prod")
    parser.add_argument("--calls", type=Path, default=CALLS, metavar="FILE", help="the calls that roles are there for")
    parser.add_argument("--code", type=Path, metavar="DIR", help="root of the code that makes the calls: scan it too")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge and print."""
    assembly = load_assembly(options.assembly)
    policies = read_policies(assembly)
    calls = read_calls(options.calls)
    reports = [*role_reports(assembly, policies, calls), *guard_reports(assembly, policies, calls)]
    never = [*forbidden(policies), *(code_findings(options.code, calls) if options.code else ())]
    findings = [finding for report in reports for finding in report.findings] + never
    if options.json:
        print(
            json.dumps([{"kind": item.kind, "subject": item.subject, "what": item.what} for item in findings], indent=1)
        )
    else:
        _print(reports, never, scanned=options.code is not None)
    return 1 if findings else 0


def _print(reports: list[Report], never: list[Finding], *, scanned: bool) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 140)
    table = Table(title="Roles and resource policies: every call allowed, every grant used", title_justify="left")
    table.add_column("role or resource")
    table.add_column("calls", justify="right")
    table.add_column("statements", justify="right")
    table.add_column("verdict")
    for report in reports:
        verdict = f"[red]{len(report.findings)} findings[/]" if report.findings else "[green]proved[/]"
        table.add_row(report.subject, str(report.calls), str(report.statements), verdict)
    console.print(table)
    for finding in (*(finding for report in reports for finding in report.findings), *never):
        console.print(f"  {finding}", markup=False)
    if not never:
        code = "the code makes the listed calls and no others" if scanned else "the code was not scanned (--code)"
        console.print(f"nothing forbidden is allowed, and {code}")
