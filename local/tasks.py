"""The tasks as they were deployed: what their definitions tell the containers is what the processes here are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from local.errors import LocalError, LocalReason

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef, TaskDefinitionTypeDef


class Part(StrEnum):
    """The parts of the service, as the first argument of their command names them."""

    WEB = "web"
    WORKER = "worker"
    SWEEP = "sweep"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One deployed task definition.

    Attributes:
        arn: of this revision.
        container: its one container, with all that ECS would start it with.
        cpu_units: 1024 are one core.
    """

    part: Part
    arn: str
    family: str
    command: Sequence[str]
    environment: Mapping[str, str]
    role_arn: str
    container: "ContainerDefinitionOutputTypeDef"
    cpu_units: int
    memory_mib: int


def deployed_tasks(ecs: "ECSClient") -> dict[Part, Task]:
    """The newest definition of each part.

    Where the environment has several kinds of workers, the one that stays: what comes for a peak alone differs in how
    long it stays, not in what it does.
    """
    tasks: dict[Part, Task] = {}
    for family in ecs.list_task_definition_families(status="ACTIVE")["families"]:
        definition = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        for container in definition["containerDefinitions"]:
            task = _task(definition, container)
            if task is not None and (task.part not in tasks or len(task.command) < len(tasks[task.part].command)):
                tasks[task.part] = task
    missing = set(Part) - tasks.keys()
    if missing:
        raise LocalError(
            LocalReason.DEPLOYMENT_FAILED, f"no task definition was deployed for {', '.join(sorted(missing))}"
        )
    return tasks


def _task(definition: "TaskDefinitionTypeDef", container: "ContainerDefinitionOutputTypeDef") -> Task | None:
    command = container.get("command", [])
    if not command or command[0] not in set(Part):
        return None
    return Task(
        part=Part(command[0]),
        arn=definition["taskDefinitionArn"],
        family=definition["family"],
        command=tuple(command),
        environment={pair["name"]: pair["value"] for pair in container.get("environment", [])},
        role_arn=definition["taskRoleArn"],
        container=container,
        cpu_units=int(definition["cpu"]),
        memory_mib=int(definition["memory"]),
    )
