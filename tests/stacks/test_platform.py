"""What holds for the platform as a whole: every resource of every stack, in every configuration."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import environment_names
from tests.stacks.configurations import STACKS, configurations

EVERYTHING: dict[str, str] = {
    "ecr:GetAuthorizationToken": "the registry's token is the account's; it opens nothing by itself",
    "ecs:DiscoverPollEndpoint": "an instance asks where its cluster is before it knows any",
    "ecs:ListTasks": "a list of tasks is no resource; a condition names the cluster",
    **dict.fromkeys(
        (
            "ec2messages:AcknowledgeMessage",
            "ec2messages:DeleteMessage",
            "ec2messages:FailMessage",
            "ec2messages:GetEndpoint",
            "ec2messages:GetMessages",
            "ec2messages:SendReply",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ),
        "Session Manager's channels, AWS knows no resource for them",
    ),
}
"""Actions that a role may take on `*`, each with the reason. Whoever adds one says why here as well."""

SERVICES_WITHOUT_SOURCE: dict[str, str] = {
    "ec2.amazonaws.com": "EC2 puts no source into its requests for instances' credentials",
    "lambda.amazonaws.com": "a function's role is taken on before Lambda knows a source",
}
"""Services whose trust cannot be narrowed by `aws:SourceAccount`, each with the reason."""

STATEFUL: dict[str, dict[str, str]] = {
    "Data": {
        "Database": "AWS::RDS::DBInstance",
        "DataKey": "AWS::KMS::Key",
        "DjangoSecret": "AWS::SecretsManager::Secret",
        "LogsBucket": "AWS::S3::Bucket",
        "ResultsBucket": "AWS::S3::Bucket",
        "SessionStore": "AWS::ElastiCache::ReplicationGroup",
        "SessionStoreToken": "AWS::SecretsManager::Secret",
        "UploadsBucket": "AWS::S3::Bucket",
        "VaultBucket": "AWS::S3::Bucket",
    },
    "Messaging": {
        "AlarmTopic": "AWS::SNS::Topic",
        "DeadLetterQueue": "AWS::SQS::Queue",
        "JobQueue": "AWS::SQS::Queue",
    },
}
"""Logical ids of what holds data. A change replaces it with an empty one: mend the code, not the test."""

HOLDS_DATA = {kind for resources in STATEFUL.values() for kind in resources.values()} - {"AWS::KMS::Key"}


@dataclass(frozen=True)
class Resource:
    """One resource, with the place that a failing test names."""

    stack: str
    logical_id: str
    kind: str
    properties: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id} ({self.kind})"


class Platform:
    """All templates of one configuration."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder
        self.contents: dict[str, dict[str, Any]] = {
            path.name.removesuffix(".template.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.template.json"))
        }
        self.resources = [
            Resource(stack, logical_id, resource["Type"], resource.get("Properties", {}))
            for stack, content in self.contents.items()
            for logical_id, resource in content["Resources"].items()
        ]

    def all(self, *kinds: str) -> list[Resource]:
        """Every resource of some types."""
        return [resource for resource in self.resources if resource.kind in kinds]

    def statements(self) -> Iterator[tuple[Resource, str, dict[str, Any]]]:
        """Every statement of every policy: whose, the policy's kind, and itself."""
        for resource in self.resources:
            for kind in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument", "ResourcePolicy"):
                document = resource.properties.get(kind)
                if isinstance(document, dict):
                    for statement in document["Statement"]:
                        yield resource, kind, statement


@pytest.fixture(params=sorted(configurations()))
def platform(request: pytest.FixtureRequest, assemblies: Path) -> Platform:
    """One configuration after the other."""
    return Platform(assemblies / request.param)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string inside a value, with the path to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, path)
    elif isinstance(value, str):
        yield path, value


def test_an_environment_has_the_stacks_of_the_design_and_no_others(platform: Platform) -> None:
    delivery = {"Delivery"} if configurations()[platform.name].identity.github_repository else set()
    assert platform.contents.keys() == {*STACKS} | delivery


def test_stacks_depend_on_earlier_ones_alone(platform: Platform) -> None:
    manifest = json.loads((platform.folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    order = {name: place for place, name in enumerate((*STACKS, "Delivery"))}
    for name, artifact in manifest.items():
        if artifact["type"] == "aws:cloudformation:stack":
            needed = [needs for needs in artifact.get("dependencies", []) if needs in order]
            assert all(order[needs] < order[name] for needs in needed), f"{name} depends on {needed}"


def test_no_statement_allows_every_action(platform: Platform) -> None:
    for resource, kind, statement in platform.statements():
        if statement["Effect"] != "Allow":
            continue
        for action in _listed(statement["Action"]):
            # A key that its account could not administer would be lost with the role that made it.
            of_the_account = kind == "KeyPolicy" and action == "kms:*" and "root" in json.dumps(statement["Principal"])
            assert of_the_account or not re.fullmatch(r"\*|[a-z0-9-]+:\*", action), f"{resource}: {action}"


def test_a_role_may_do_nothing_to_everything_but_what_is_listed_with_its_reason(platform: Platform) -> None:
    for resource, kind, statement in platform.statements():
        if kind == "PolicyDocument" and statement["Effect"] == "Allow" and "*" in _listed(statement.get("Resource")):
            for action in _listed(statement["Action"]):
                assert action in EVERYTHING, f"{resource}: {action} on every resource: name the resource"


def test_every_reason_for_everything_is_still_needed(assemblies: Path) -> None:
    used = {
        action
        for name in configurations()
        for _, kind, statement in Platform(assemblies / name).statements()
        if kind == "PolicyDocument" and "*" in _listed(statement.get("Resource"))
        for action in _listed(statement["Action"])
    }
    assert used == EVERYTHING.keys()


def test_a_list_of_tasks_is_asked_of_one_cluster(platform: Platform) -> None:
    for resource, _, statement in platform.statements():
        if "ecs:ListTasks" in _listed(statement["Action"]):
            assert "ecs:cluster" in json.dumps(statement["Condition"]), str(resource)


def test_a_role_is_passed_by_name_and_to_one_service(platform: Platform) -> None:
    for resource, _, statement in platform.statements():
        if "iam:PassRole" in _listed(statement["Action"]):
            assert statement["Condition"]["StringEquals"]["iam:PassedToService"] == "ecs-tasks.amazonaws.com"
            assert all("*" not in json.dumps(role) for role in _listed(statement["Resource"])), str(resource)


def test_a_role_trusts_one_service_for_this_account_or_one_role(platform: Platform) -> None:
    roles = platform.all("AWS::IAM::Role")
    assert roles
    for role in roles:
        for statement in role.properties["AssumeRolePolicyDocument"]["Statement"]:
            principal, conditions = statement["Principal"], json.dumps(statement.get("Condition", {}))
            assert principal != "*", str(role)
            ((kind, who),) = principal.items()
            assert "*" not in json.dumps(who), str(role)
            if kind == "Service":
                assert who in SERVICES_WITHOUT_SOURCE or "aws:SourceAccount" in conditions, f"{role}: {who}"
            elif kind == "Federated":
                assert "token.actions.githubusercontent.com:sub" in conditions, str(role)
                assert "StringEquals" in conditions, str(role)
            else:
                assert kind == "AWS", f"{role}: {kind}"
                assert ":root" not in json.dumps(who), f"{role}: every role of the account"


def test_nobody_has_a_user_or_an_access_key(platform: Platform) -> None:
    assert platform.all("AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group") == []


def test_every_role_has_the_boundary_that_the_settings_name(platform: Platform) -> None:
    boundary = configurations()[platform.name].identity.permissions_boundary
    for role in platform.all("AWS::IAM::Role"):
        found = json.dumps(role.properties.get("PermissionsBoundary"))
        assert (boundary in found) if boundary else found == "null", str(role)


def test_no_secret_stands_in_a_template(platform: Platform) -> None:
    for resource in platform.resources:
        for path, text in _strings(resource.properties):
            assert not re.search(r"AKIA[0-9A-Z]{16}|-----BEGIN", text), f"{resource}{path}"
            key = path.rpartition(".")[2]
            if re.search(r"password$|^authtoken$|secretstring|token$", key.lower()) and key != "GenerateSecretString":
                assert text.startswith("{{resolve:secretsmanager:"), f"{resource}{path}"


def test_environments_of_tasks_and_functions_hold_no_secret_but_where_it_is_kept(platform: Platform) -> None:
    for task in platform.all("AWS::ECS::TaskDefinition"):
        for container in task.properties["ContainerDefinitions"]:
            for variable in container["Environment"]:
                if re.search("SECRET|PASSWORD|TOKEN|KEY", variable["Name"]):
                    assert variable["Name"].endswith("_SECRET_ARN"), f"{task}: {variable['Name']}"
                    value = json.dumps(variable["Value"])
                    assert "Fn::ImportValue" in value or "Fn::GetAtt" in value, f"{task}: {variable['Name']}"
    for function in platform.all("AWS::Lambda::Function"):
        names = function.properties.get("Environment", {}).get("Variables", {})
        assert not [name for name in names if re.search("SECRET|PASSWORD|TOKEN|KEY", name)], str(function)


def test_every_launch_template_asks_for_session_bound_metadata_that_containers_do_not_reach(
    platform: Platform,
) -> None:
    templates = platform.all("AWS::EC2::LaunchTemplate")
    assert templates
    for template in templates:
        options = template.properties["LaunchTemplateData"]["MetadataOptions"]
        assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1), str(template)
    assert platform.all("AWS::AutoScaling::LaunchConfiguration", "AWS::EC2::Instance") == []


def test_what_holds_data_keeps_its_logical_id(platform: Platform) -> None:
    for stack, expected in STATEFUL.items():
        found = {
            logical_id: resource["Type"]
            for logical_id, resource in platform.contents[stack]["Resources"].items()
            if resource["Type"] in HOLDS_DATA | {"AWS::KMS::Key"}
        }
        assert found == expected


def test_nothing_that_holds_data_stands_in_a_stack_that_comes_and_goes(platform: Platform) -> None:
    elsewhere = [
        str(resource)
        for resource in platform.all(*HOLDS_DATA)
        if resource.stack not in STATEFUL
        # What the burst function could not be told; it holds events that nobody needs after the next minute.
        and (resource.stack, resource.kind) != ("Workers", "AWS::SQS::Queue")
    ]
    assert elsewhere == []


def test_every_bucket_queue_and_topic_answers_over_tls_only(platform: Platform) -> None:
    for kind, policy_kind, names in (
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ):
        closed = {
            (policy.stack, target["Ref"])
            for policy in platform.all(policy_kind)
            for target in _listed(policy.properties[names])
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
            and statement["Principal"] in ("*", {"AWS": "*"})
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        }
        assert closed == {(resource.stack, resource.logical_id) for resource in platform.all(kind)}


def test_no_bucket_is_public(platform: Platform) -> None:
    for bucket in platform.all("AWS::S3::Bucket"):
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}, str(bucket)
        assert "AccessControl" not in bucket.properties, str(bucket)
    for policy in platform.all("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Principal"] not in ("*", {"AWS": "*"}), str(policy)


def test_nothing_has_a_public_address_but_the_load_balancer(platform: Platform) -> None:
    for resource in platform.resources:
        text = json.dumps(resource.properties)
        assert '"AssignPublicIp": "ENABLED"' not in text, str(resource)
        assert '"AssociatePublicIpAddress": true' not in text, str(resource)
        assert '"PubliclyAccessible": true' not in text, str(resource)
    (balancer,) = platform.all("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer.properties["Scheme"] == "internet-facing"


def test_every_log_group_has_a_key_and_an_end(platform: Platform) -> None:
    groups = platform.all("AWS::Logs::LogGroup")
    assert groups
    for group in groups:
        assert "KmsKeyId" in group.properties, str(group)
        assert group.properties["RetentionInDays"] > 0, str(group)


def test_every_log_group_that_something_writes_to_is_one_of_ours(platform: Platform) -> None:
    """A group that a service makes by itself keeps everything for ever, without our key."""
    for function in platform.all("AWS::Lambda::Function"):
        assert "Ref" in function.properties["LoggingConfig"]["LogGroup"], str(function)
    for task in platform.all("AWS::ECS::TaskDefinition"):
        for container in task.properties["ContainerDefinitions"]:
            options = container["LogConfiguration"]["Options"]
            assert "Ref" in options["awslogs-group"], str(task)
            assert "awslogs-create-group" not in options, str(task)


def test_nothing_that_is_scaled_says_how_many_there_are(platform: Platform) -> None:
    for group in platform.all("AWS::AutoScaling::AutoScalingGroup"):
        assert "DesiredCapacity" not in group.properties, str(group)
    for service in platform.all("AWS::ECS::Service"):
        assert "DesiredCount" not in service.properties, str(service)


def test_a_value_that_changes_with_every_deployment_is_no_other_stack_s(platform: Platform) -> None:
    """CloudFormation refuses to change a value that another stack imports: the second deployment would stop there."""
    changing = {"AWS::ECS::TaskDefinition", "AWS::Lambda::Version"}
    for stack, content in platform.contents.items():
        for name, output in content.get("Outputs", {}).items():
            if "Export" in output:
                referred = re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"', json.dumps(output["Value"]))
                kinds = {content["Resources"][logical_id]["Type"] for logical_id in referred}
                assert not kinds & changing, f"{stack}: {name}"


def test_no_helper_function_of_cdk_is_in_a_template(platform: Platform) -> None:
    functions = [function.logical_id for function in platform.all("AWS::Lambda::Function")]
    ours = ("DefaultSecurityGroupFunction", "BurstFunction")
    assert all(name.startswith(ours) for name in functions)
    custom = [resource for resource in platform.resources if resource.kind.startswith("Custom::")]
    assert [resource.kind for resource in custom] == ["Custom::ClosedDefaultSecurityGroup"]


def test_everything_that_takes_tags_says_whose_it_is(platform: Platform) -> None:
    for resource in platform.resources:
        tags = resource.properties.get("Tags")
        if isinstance(tags, list):
            found = {tag["Key"]: tag["Value"] for tag in tags}
            assert (found["Project"], found["Environment"]) == ("rawmill", platform.name), str(resource)


@pytest.mark.parametrize("environment", environment_names())
def test_every_alarm_of_the_account_acts_or_is_an_event_for_a_rule(assemblies: Path, environment: str) -> None:
    platform = Platform(assemblies / environment)
    heard = {
        target
        for rule in platform.all("AWS::Events::Rule")
        for target in re.findall(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', json.dumps(rule.properties.get("EventPattern")))
    }
    for alarm in platform.all("AWS::CloudWatch::Alarm"):
        assert alarm.properties.get("AlarmActions") or alarm.logical_id in heard, str(alarm)
        assert alarm.properties["AlarmDescription"], str(alarm)
