"""Permissions: a wildcard has its reason, and the reason is found again where a rule pack looks for it."""

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from stacks.constructs.dependency import resource_of
from stacks.constructs.roles import Permission, ScopedRole, service


def test_a_wildcard_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="Objects: a reason goes with every wildcard"):
        Permission(sid="Objects", actions=["s3:GetObject"], resources=["arn:aws:s3:::one", "arn:aws:s3:::one/*"])


def test_a_reason_without_a_wildcard_is_refused() -> None:
    """It would stay behind when the wildcard has gone, and excuse the next one."""
    with pytest.raises(ValueError, match="Bucket: a reason goes with every wildcard"):
        Permission(sid="Bucket", actions=["s3:ListBucket"], resources=["arn:aws:s3:::one"], because="it is many")


def test_a_wildcard_s_reason_is_acknowledged_in_the_words_of_the_finding() -> None:
    stack = cdk.Stack(cdk.App(), "Any")
    bucket = s3.Bucket(stack, "Bucket")
    role = ScopedRole(
        stack,
        "Reader",
        description="Reads",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        permissions=[
            Permission(
                sid="Objects",
                actions=["s3:GetObject"],
                resources=[bucket.arn_for_objects("in/*")],
                because="names are made later",
            ),
            Permission(sid="Token", actions=["ecr:GetAuthorizationToken"], resources=["*"], because="no resource"),
            Permission(sid="Bucket", actions=["s3:GetBucketLocation"], resources=[bucket.bucket_arn]),
        ],
    )
    bucket_id = stack.get_logical_id(resource_of(bucket))
    assert {item.rule: item.reason for item in role.acknowledgements()} == {
        f"AwsSolutions-IAM5[Resource::<{bucket_id}.Arn>/in/*]": "ACCEPTED: names are made later",
        "AwsSolutions-IAM5[Resource::*]": "ACCEPTED: no resource",
    }


def test_a_service_takes_a_role_on_for_resources_of_the_account_alone() -> None:
    """Without it another account's schedule could be given this account's role."""
    stack = cdk.Stack(cdk.App(), "Any", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    iam.Role(stack, "Role", assumed_by=service(stack, "scheduler", source="scheduler:schedule-group/ours"))
    roles = list(Template.from_stack(stack).find_resources("AWS::IAM::Role").values())
    (statement,) = roles[0]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    assert ":scheduler:eu-west-1:111122223333:schedule-group/ours" in str(statement["Condition"]["ArnLike"])
