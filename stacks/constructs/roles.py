"""Roles: who may take one on, and what it may do. Every statement stands at the role, so that one place tells."""

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

Conditions = dict[str, dict[str, Any]]


class ScopedRole(Construct):
    """A role with one managed policy."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        assumed_by: iam.IPrincipal,
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "Role", assumed_by=assumed_by, description=description)
        # A policy of its own rather than one inside the role: roles and policies that name each other can be made.
        self.policy = iam.ManagedPolicy(
            self, "Permissions", description=description, statements=list(statements), roles=[self.role]
        )

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return self.role.role_arn


def allow(
    actions: Sequence[str], resources: Sequence[str], *, sid: str, conditions: Conditions | None = None
) -> iam.PolicyStatement:
    """One permission. Its id says in a word what it is for."""
    return iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)


def use_key(
    key: kms.IKey, *, stack: cdk.Stack, through: Sequence[str], encrypt: bool = True, sid: str = "DataKey"
) -> iam.PolicyStatement:
    """Use of the data key by way of the services named, and in no other way."""
    return allow(
        ["kms:Decrypt", "kms:GenerateDataKey"] if encrypt else ["kms:Decrypt"],
        [key.key_arn],
        sid=sid,
        conditions={"StringEquals": {"kms:ViaService": [f"{name}.{stack.region}.amazonaws.com" for name in through]}},
    )


def service(stack: cdk.Stack, name: str, *, source: str) -> iam.IPrincipal:
    """An AWS service that acts for a resource of this account: for others' resources it may not take on the role.

    Args:
        stack: says which account and region.
        name: such as `ecs-tasks`.
        source: of the resource that it acts for, the part of the ARN after the account, such as `ecs:*`.
    """
    of_service, _, resource = source.partition(":")
    return iam.ServicePrincipal(
        f"{name}.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {
                "aws:SourceArn": f"arn:{stack.partition}:{of_service}:{stack.region}:{stack.account}:{resource}"
            },
        },
    )


def ecs_tasks(stack: cdk.Stack) -> iam.IPrincipal:
    """Tasks of ECS."""
    return service(stack, "ecs-tasks", source="ecs:*")
