"""Compliance packs over every environment: nothing open, nothing acknowledged that is not found."""

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from rich.console import Console

from app import wire
from stacks.acknowledgements import Acknowledgement, acknowledge
from stacks.assembly import make_app
from stacks.compliance import PACKS, TOOLS, Finding, Report, complaints, examine, tables
from stacks.settings import environment_names, load_settings

REPORT = Path(__file__).resolve().parents[2] / "build" / "compliance.txt"


def test_no_finding_is_open_and_no_acknowledgement_is_stale_in_any_environment() -> None:
    reports = [examine(load_settings(name), wire) for name in environment_names()]
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("w", encoding="utf-8") as file:
        console = Console(file=file, width=120)
        for table in tables(reports):
            console.print(table)
    assert not complaints(reports), "\n".join(complaints(reports))
    # A pack that finds nothing in a network with its own ACLs and a public entrance did not look.
    assert all(report.count("AwsSolutions")[0] > 0 for report in reports)


def test_the_packs_themselves_take_the_acknowledgements(tmp_path: Path) -> None:
    settings = load_settings("prod")
    app = make_app(settings, tmp_path)
    for stack in wire(app, settings):
        acknowledge(stack.acknowledgements())
    for name, pack in PACKS.items():
        violations = pack(app).validate_scope(app).violations
        assert not violations, f"{name}: {[violation.rule_name for violation in violations]}"


def test_an_acknowledgement_stands_at_one_resource_and_says_why(tmp_path: Path) -> None:
    settings = load_settings("prod")
    app = make_app(settings, tmp_path)
    for stack in wire(app, settings):
        for item in stack.acknowledgements():
            assert cdk.CfnResource.is_cfn_resource(item.resource)
            assert item.reason.startswith("ACCEPTED: ")


@pytest.mark.parametrize("reason", ["", "fine", "ACCEPTED:", "TODO: later", "TODO(#x): later"])
def test_an_acknowledgement_without_a_reason_is_refused(reason: str) -> None:
    stack = cdk.Stack(cdk.App(), "Any")
    with pytest.raises(ValueError, match=r"allowed 'ACCEPTED: …' or 'TODO\(#n\): …'"):
        Acknowledgement(resource=s3.CfnBucket(stack, "Bucket"), rule="AwsSolutions-S1", reason=reason)


def test_cfn_lint_is_told_in_the_resource_itself() -> None:
    stack = cdk.Stack(cdk.App(), "Any")
    bucket = s3.CfnBucket(stack, "Bucket")
    acknowledge([Acknowledgement(resource=bucket, rule="cfn-lint::W3045", reason="ACCEPTED: an example")])
    assert bucket.get_metadata("cfn-lint") == {
        "config": {"ignore_checks": ["W3045"]},
        "reason": "ACCEPTED: an example",
    }


def test_a_report_tells_open_findings_from_stale_acknowledgements() -> None:
    kept, unknown, gone = (Finding("AwsSolutions-S1", path) for path in ("Kept", "New", "Gone"))
    report = Report(
        environment="prod",
        findings={kept, unknown},
        reasons={kept: "ACCEPTED: it is kept", gone: "ACCEPTED: it was there"},
    )
    assert (report.open, report.stale) == ([unknown], [gone])
    assert report.count("AwsSolutions") == (1, 1)
    assert complaints([report]) == [
        "prod: open: AwsSolutions-S1 at New: mend it, or acknowledge it at that resource",
        "prod: stale: AwsSolutions-S1 at Gone: take the acknowledgement out",
    ]


def test_a_finding_knows_its_tool() -> None:
    rules = ("AwsSolutions-VPC3", "HIPAA.Security-LambdaDLQ", "CloudFormation-Validate::W3010", "cfn-lint::E3002")
    assert [Finding(rule, "Any").tool for rule in rules] == [
        "AwsSolutions",
        "HIPAA.Security",
        "CloudFormation-Validate",
        "cfn-lint",
    ]
    assert set(PACKS) < set(TOOLS)
