"""What CloudFormation says is there, held against the templates and against what the tasks are told."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.assembly import Stack
from local.errors import LocalError, LocalReason
from local.tasks import Part, Task

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_THERE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_NAMED_BY = {"_BUCKET": "AWS::S3::Bucket", "_QUEUE_URL": "AWS::SQS::Queue", "_ROLE_ARN": "AWS::IAM::Role"}
"""Endings of variables, and the type of the resources that such variables name."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a deployed stack.

    Attributes:
        kept: whether it stays when its stack goes.
    """

    stack: str
    logical_id: str
    physical_id: str
    resource_type: str
    kept: bool


def deployed_resources(cloudformation: "CloudFormationClient", stacks: Iterable[Stack]) -> list[Resource]:
    """Every resource of the templates, as it was deployed.

    Raises:
        LocalError: a resource of a template is not there.
    """
    found: list[Resource] = []
    for stack in stacks:
        there = {
            each["LogicalResourceId"]: each
            for each in cloudformation.describe_stack_resources(StackName=stack.name)["StackResources"]
            if each["ResourceStatus"] in _THERE and each.get("PhysicalResourceId")
        }
        wanted = template_of(stack)["Resources"]
        if missing := wanted.keys() - there.keys():
            raise LocalError(
                LocalReason.DEPLOYMENT_FAILED, f"{stack.name} is deployed without {', '.join(sorted(missing))}"
            )
        found += [
            Resource(
                stack=stack.name,
                logical_id=logical_id,
                physical_id=there[logical_id]["PhysicalResourceId"],
                resource_type=resource["Type"],
                kept=resource.get("DeletionPolicy", "").startswith("Retain"),
            )
            for logical_id, resource in wanted.items()
        ]
    return found


def template_of(stack: Stack) -> dict[str, Any]:
    """The template as it was synthesized."""
    template: dict[str, Any] = json.loads(stack.template.read_text())
    return template


def of_type(resources: Iterable[Resource], resource_type: str) -> list[Resource]:
    """Those of one type."""
    return [resource for resource in resources if resource.resource_type == resource_type]


def named_resources(tasks: Mapping[Part, Task], resources: Sequence[Resource]) -> set[Resource]:
    """The buckets, queues, roles and task definitions that the tasks name.

    Raises:
        LocalError: a task names one that no stack has deployed.
    """
    named: set[Resource] = set()
    for part, task in tasks.items():
        told = [(name, value) for name, value in task.environment.items() if _type_of(name)]
        for name, value in [*told, ("TASK_ROLE_ARN", task.role_arn)]:
            candidates = of_type(resources, _type_of(name) or "")
            found = next((each for each in candidates if value in (each.physical_id, _last(value, each))), None)
            if found is None:
                raise LocalError(
                    LocalReason.DEPLOYMENT_FAILED, f"{part} is told {name}={value}, which no stack has deployed"
                )
            named.add(found)
        definitions = of_type(resources, "AWS::ECS::TaskDefinition")
        named |= {each for each in definitions if each.physical_id == task.arn}
    return named


def _type_of(variable: str) -> str | None:
    return next((kind for ending, kind in _NAMED_BY.items() if variable.endswith(ending)), None)


def _last(value: str, resource: Resource) -> str | None:
    """`value` when it is an ARN or address that ends with the resource's name."""
    return value if value.endswith(f"/{resource.physical_id}") else None
