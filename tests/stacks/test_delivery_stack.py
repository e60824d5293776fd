"""The Delivery stack, and what every role carries: who may deploy, and what no role can exceed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from audit.cli.main import main as audit
from stacks.base import PlatformStack
from stacks.settings import Settings
from tests.stacks.configurations import configurations
from tests.stacks.template import Template

Templates = Callable[[str, str], Template]
ISSUER = "token.actions.githubusercontent.com"


@pytest.fixture
def delivery(template_of: Templates) -> Template:
    """A Delivery stack that makes GitHub's identity provider."""
    return template_of("Delivery", "three-zones")


def _trust(template: Template) -> dict[str, Any]:
    (statement,) = template.only("AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = statement
    return found


def test_there_is_a_deploy_role_only_where_a_repository_is_named(assemblies: Path) -> None:
    made = {path.parent.name for path in assemblies.glob("*/Delivery.template.json")}
    named = {name for name, settings in configurations().items() if settings.identity.github_repository}
    assert made == named
    assert "prod" not in made


@pytest.mark.parametrize("name", ["three-zones", "elsewhere"])
def test_the_audit_knows_the_deploy_role(assemblies: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(["iam", str(assemblies / name)]) == 0
    assert "Delivery/GitHub/Role" in capsys.readouterr().out


def test_one_repository_in_one_environment_may_assume_the_role_and_nobody_else(delivery: Template) -> None:
    trust = _trust(delivery)
    assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRoleWithWebIdentity")
    # No pattern: what is only like this subject may be somebody else's.
    assert trust["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": "repo:example/photos:environment:three-zones",
        }
    }


def test_the_environment_on_github_may_have_a_name_of_its_own(template_of: Templates) -> None:
    subject = _trust(template_of("Delivery", "elsewhere"))["Condition"]["StringEquals"][f"{ISSUER}:sub"]
    assert subject == "repo:example/photos:environment:production"


def test_github_becomes_an_identity_provider_of_the_account(delivery: Template) -> None:
    ((logical_id, provider),) = delivery.all("AWS::IAM::OIDCProvider").items()
    assert (provider["Url"], provider["ClientIdList"]) == (f"https://{ISSUER}", ["sts.amazonaws.com"])
    assert _trust(delivery)["Principal"] == {"Federated": {"Fn::GetAtt": [logical_id, "Arn"]}}


def test_an_account_that_has_the_provider_gets_no_second_one(template_of: Templates) -> None:
    """An account can have one provider for an address; a second one would fail the deployment."""
    elsewhere = template_of("Delivery", "elsewhere")
    assert not elsewhere.all("AWS::IAM::OIDCProvider")
    assert _trust(elsewhere)["Principal"] == {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"}


def test_the_deploy_role_may_take_the_roles_of_cdk_bootstrap_and_nothing_else(template_of: Templates) -> None:
    elsewhere = template_of("Delivery", "elsewhere")
    policy = elsewhere.only("AWS::IAM::ManagedPolicy")
    (logical_id,) = elsewhere.all("AWS::IAM::Role")
    assert policy["Roles"] == [{"Ref": logical_id}]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")
    assert statement["Resource"] == [
        f"arn:aws:iam::111122223333:role/cdk-hnb659fds-{name}-role-111122223333-us-west-2"
        for name in ("deploy", "file-publishing", "image-publishing")
    ]
    role = elsewhere.only("AWS::IAM::Role")
    assert not {"Policies", "ManagedPolicyArns"} & role.keys()
    assert role["MaxSessionDuration"] == 3600


def test_the_roles_to_be_taken_are_those_that_a_deployment_takes(assemblies: Path) -> None:
    """Another qualifier, or another CDK, and the deploy role would be refused the roles that it is made for."""
    manifest = json.loads((assemblies / "elsewhere" / "manifest.json").read_text(encoding="utf-8"))
    taken = {
        stack["properties"]["assumeRoleArn"].replace("${AWS::Partition}", "aws")
        for stack in manifest["artifacts"].values()
        if stack["type"] == "aws:cloudformation:stack"
    }
    for path in (assemblies / "elsewhere").glob("*.assets.json"):
        assets = json.loads(path.read_text(encoding="utf-8"))
        for group in (assets["files"], assets["dockerImages"]):
            for asset in group.values():
                taken |= {
                    place["assumeRoleArn"].replace("${AWS::Partition}", "aws")
                    for place in asset["destinations"].values()
                }
    template = Template.read(assemblies / "elsewhere" / "Delivery.template.json")
    (statement,) = template.only("AWS::IAM::ManagedPolicy")["PolicyDocument"]["Statement"]
    assert taken <= set(statement["Resource"])
    assert len(taken) >= 2


def test_the_compliance_packs_find_nothing_in_it() -> None:
    from stacks.compliance import complaints, examine
    from stacks.delivery import DeliveryStack

    def wire(app: cdk.App, settings: Settings) -> list[PlatformStack]:
        return [DeliveryStack(app, "Delivery", settings=settings, repository="example/photos")]

    assert complaints([examine(configurations()["three-zones"], wire)]) == []


def test_whoever_writes_the_workflow_is_told_the_role(delivery: Template) -> None:
    (logical_id,) = delivery.all("AWS::IAM::Role")
    assert delivery.content["Outputs"]["DeployRoleArn"]["Value"] == {"Fn::GetAtt": [logical_id, "Arn"]}


def test_every_role_of_every_stack_has_the_boundary_that_the_settings_name(assemblies: Path) -> None:
    boundary = "arn:aws:iam::111122223333:policy/developer-boundary"
    for name, settings in configurations().items():
        expected = boundary if settings.identity.permissions_boundary else None
        roles = {
            f"{path.name} {logical_id}": role.get("PermissionsBoundary")
            for path in (assemblies / name).glob("*.template.json")
            for logical_id, role in Template.read(path).all("AWS::IAM::Role").items()
        }
        assert roles
        assert {role: found for role, found in roles.items() if found != expected} == {}


def test_nobody_has_an_access_key(assemblies: Path) -> None:
    keys = ("AWS::IAM::AccessKey", "AWS::IAM::User")
    for path in assemblies.glob("*/*.template.json"):
        assert not any(Template.read(path).all(kind) for kind in keys), path
