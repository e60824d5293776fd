"""Roles: who may take one on, and what it may do. Every permission stands at the role, so that one place tells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.dependency import resource_of

Conditions = dict[str, dict[str, Any]]

OBJECTS = "objects of one prefix of one bucket: their names are made when an image is"
"""Why permissions to objects end in a wildcard."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One statement of a policy.

    Attributes:
        sid: says in a word what it is for.
        because: why a resource has a wildcard in it; only then, and always then.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Conditions | None = None
    because: str | None = None

    def __post_init__(self) -> None:
        if bool(self.wildcards) != (self.because is not None):
            raise ValueError(f"{self.sid}: a reason goes with every wildcard, and with nothing else: {self.wildcards}")

    @property
    def wildcards(self) -> list[str]:
        """Resources that are more than one."""
        return [resource for resource in self.resources if "*" in resource]

    def statement(self) -> iam.PolicyStatement:
        """As a policy has it."""
        return iam.PolicyStatement(
            sid=self.sid, actions=list(self.actions), resources=list(self.resources), conditions=self.conditions
        )


class Permissions(Construct):
    """What a role may do. Not inside the role: roles that name each other can then be made."""

    def __init__(
        self, scope: Construct, construct_id: str, *, role: iam.Role, permissions: Sequence[Permission]
    ) -> None:
        super().__init__(scope, construct_id)
        self._permissions = permissions
        policy = iam.ManagedPolicy(
            self, "Policy", roles=[role], statements=[permission.statement() for permission in permissions]
        )
        self.resource = resource_of(policy)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about the wildcards, with the reason of each."""
        stack = cdk.Stack.of(self)
        reasons = {
            f"AwsSolutions-IAM5[Resource::{_as_found(stack.resolve(resource))}]": permission.because
            for permission in self._permissions
            for resource in permission.wildcards
        }
        for rule, reason in reasons.items():
            yield Acknowledgement(resource=self.resource, rule=rule, reason=f"ACCEPTED: {reason}")


class ScopedRole(Construct):
    """A role and what it may do."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        assumed_by: iam.IPrincipal,
        permissions: Sequence[Permission],
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(self, "Role", assumed_by=assumed_by, description=description)
        self._permissions = Permissions(self, "Permissions", role=self.role, permissions=permissions)
        # What works in the role's name has to be made after it, and to go before it.
        self.policy = self._permissions.resource

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return self.role.role_arn

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about its wildcards."""
        return self._permissions.acknowledgements()


def use_key(
    key: kms.IKey, *, stack: cdk.Stack, through: Sequence[str], encrypt: bool = True, sid: str = "DataKey"
) -> Permission:
    """Use of the data key by way of the services named, and in no other way."""
    services = [f"{name}.{stack.region}.amazonaws.com" for name in through]
    return Permission(
        sid=sid,
        actions=["kms:Decrypt", "kms:GenerateDataKey"] if encrypt else ["kms:Decrypt"],
        resources=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": services}},
    )


def service(stack: cdk.Stack, name: str, *, source: str) -> iam.IPrincipal:
    """An AWS service that acts for a resource of this account: for others' resources it may not take on the role.

    Args:
        stack: says which account and region.
        name: such as `ecs-tasks`.
        source: the resource that it acts for: its service and the end of its ARN, such as `ecs:*`.
    """
    of_service, _, resource = source.partition(":")
    arn = f"arn:{stack.partition}:{of_service}:{stack.region}:{stack.account}:{resource}"
    return iam.ServicePrincipal(
        f"{name}.amazonaws.com",
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": arn}},
    )


def ecs_tasks(stack: cdk.Stack) -> iam.IPrincipal:
    """Tasks of ECS."""
    return service(stack, "ecs-tasks", source="ecs:*")


def _as_found(resolved: Any) -> str:
    """A resource as cdk-nag spells it in the id of a finding: references as `<LogicalId.Attribute>`."""
    match resolved:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_as_found(part) for part in parts)
        case _:
            return str(resolved)
