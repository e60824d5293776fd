"""Compliance: what the rule packs find, and whether each finding is acknowledged. `python -m stacks.compliance`.

Findings are taken from an app without acknowledgements and held against the list of acknowledgements. Whatever is in
one and not in the other is open (a finding that nobody decided about) or stale (a decision about nothing).
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
from cfnlint import api as cfn_lint
from cfnlint.config import ManualArgs
from rich.console import Console
from rich.table import Table

from stacks.acknowledgements import CFN_LINT, Acknowledgement, acknowledge
from stacks.assembly import Wire, make_app
from stacks.settings import Settings

PACKS: dict[str, type[cdk_nag.NagPack]] = {
    "AwsSolutions": cdk_nag.AwsSolutionsChecks,
    "NIST.800.53.R5": cdk_nag.NIST80053R5Checks,
    "HIPAA.Security": cdk_nag.HIPAASecurityChecks,
    "PCI.DSS.321": cdk_nag.PCIDSS321Checks,
}
SYNTHESIS = "CloudFormation-Validate"
TOOLS = (*PACKS, SYNTHESIS, CFN_LINT.removesuffix("::"))


@dataclass(frozen=True, order=True)
class Finding:
    """One rule that one resource does not meet, whatever the severity."""

    rule: str
    path: str

    @property
    def tool(self) -> str:
        """The pack or linter that the rule belongs to."""
        return next(tool for tool in TOOLS if self.rule.startswith(tool))


@dataclass(kw_only=True)
class Report:
    """The compliance of one environment."""

    environment: str
    findings: set[Finding] = field(default_factory=set)
    reasons: dict[Finding, str] = field(default_factory=dict)
    """Acknowledgements: what is known, and why it stays."""

    @property
    def open(self) -> list[Finding]:
        """Findings that nobody has decided about."""
        return sorted(self.findings - self.reasons.keys())

    @property
    def stale(self) -> list[Finding]:
        """Acknowledgements of what is no longer found."""
        return sorted(self.reasons.keys() - self.findings)

    def count(self, tool: str) -> tuple[int, int]:
        """How many findings of a tool are acknowledged, and how many are open."""
        return (
            sum(finding.tool == tool for finding in self.findings & self.reasons.keys()),
            sum(finding.tool == tool for finding in self.open),
        )


def examine(settings: Settings, wire: Wire) -> Report:
    """Run every pack over one environment."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        app = make_app(settings, folder)
        known = [item for stack in wire(app, settings) for item in stack.acknowledgements()]
        report = Report(environment=settings.name, reasons=_reasons(known))
        # cdk-nag leaves out what is acknowledged, so that it has to look first.
        for pack in PACKS.values():
            report.findings.update(_nag(pack, app))
        acknowledge(known)
        app.synth()
        report.findings.update(_synthesis(folder))
        for template in sorted(folder.glob("*.template.json")):
            report.findings.update(_lint(template, settings.region))
    return report


def _reasons(acknowledgements: Iterable[Acknowledgement]) -> dict[Finding, str]:
    return {Finding(item.rule, str(item.resource.node.path)): item.reason for item in acknowledgements}


def _nag(pack: type[cdk_nag.NagPack], app: cdk.App) -> Iterator[Finding]:
    for violation in pack(app).validate_scope(app).violations:
        for resource in violation.violating_resources:
            yield Finding(violation.rule_name, str(resource.construct_path))


def _synthesis(folder: Path) -> Iterator[Finding]:
    """What CDK's own validation of the templates has found."""
    for plugin in json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))["pluginReports"]:
        for violation in plugin["violations"] + plugin.get("suppressedViolations", []):
            for construct in violation["violatingConstructs"]:
                yield Finding(f"{SYNTHESIS}::{violation['ruleName']}", construct["constructPath"])


def _lint(template: Path, region: str) -> Iterator[Finding]:
    content = json.loads(template.read_text(encoding="utf-8"))
    paths = {}
    for logical_id, resource in content["Resources"].items():
        # Without what it was told to ignore, so that needless acknowledgements show.
        resource["Metadata"].pop("cfn-lint", None)
        paths[logical_id] = resource["Metadata"]["aws:cdk:path"]
    for match in cfn_lint.lint(json.dumps(content), config=ManualArgs(regions=[region])):
        place = getattr(match, "path", None) or []
        of_resource = len(place) > 1 and place[0] == "Resources"
        yield Finding(f"{CFN_LINT}{match.rule.id}", paths[place[1]] if of_resource else template.stem)


def tables(reports: list[Report]) -> Iterator[Table]:
    """Findings by pack and environment, then acknowledgements by reason."""
    by_pack = Table(title="Compliance: findings acknowledged / open", title_justify="left")
    by_pack.add_column("pack")
    for report in reports:
        by_pack.add_column(report.environment, justify="right")
    for tool in TOOLS:
        counts = [report.count(tool) for report in reports]
        by_pack.add_row(tool, *(f"{known} / {unknown}" for known, unknown in counts))
    yield by_pack

    by_reason = Table(title="Acknowledged because", title_justify="left")
    by_reason.add_column("reason")
    for report in reports:
        by_reason.add_column(report.environment, justify="right")
    counters = [Counter(report.reasons.values()) for report in reports]
    for reason in sorted(set().union(*counters)):
        by_reason.add_row(reason, *(str(counter[reason]) for counter in counters))
    yield by_reason


def complaints(reports: list[Report]) -> list[str]:
    """What has to be done before the environments comply, one line each."""
    return [
        *(
            f"{report.environment}: open: {finding.rule} at {finding.path}: mend it, or acknowledge it at that resource"
            for report in reports
            for finding in report.open
        ),
        *(
            f"{report.environment}: stale: {finding.rule} at {finding.path}: take the acknowledgement out"
            for report in reports
            for finding in report.stale
        ),
    ]


def main() -> int:
    """Print the report of every environment; 1 when a finding is open or an acknowledgement stale."""
    from app import wire  # noqa: PLC0415
    from stacks.settings import environment_names, load_settings  # noqa: PLC0415

    reports = [examine(load_settings(name), wire) for name in environment_names()]
    console = Console(width=120)
    for table in tables(reports):
        console.print(table)
    for complaint in complaints(reports):
        print(complaint, file=sys.stderr)
    return 1 if complaints(reports) else 0


if __name__ == "__main__":
    sys.exit(main())
