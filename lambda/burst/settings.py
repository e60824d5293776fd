"""What the function is told by its environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

VARIABLES = (
    "CLUSTER",
    "TASK_DEFINITION",
    "CONTAINER",
    "SUBNETS",
    "SECURITY_GROUP",
    "QUEUE_URL",
    "MAX_TASKS",
    "IMAGES_PER_TASK",
    "BASE_IMAGES",
    "STARTED_BY",
    "METRICS_NAMESPACE",
)
"""The environment variables, exactly these."""


class SettingsError(Exception):
    """An environment variable is missing or wrong. The message names it and says what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One environment's burst.

    Attributes:
        task_definition: full name or ARN, with or without its revision; its family is what tasks are counted by.
        container: name of the container in it that works off the queue.
        subnets: private subnets, of every zone.
        max_tasks: tasks that may be live at once.
        images_per_task: outstanding images that justify a task.
        base_images: outstanding images that are left to the instances, 0 where there are none.
        started_by: mark on the tasks, seen wherever ECS lists them.
        metrics_namespace: where CloudWatch puts the metrics.
    """

    cluster: str
    task_definition: str
    container: str
    subnets: tuple[str, ...]
    security_group: str
    queue_url: str
    max_tasks: int
    images_per_task: int
    base_images: int
    started_by: str
    metrics_namespace: str

    @property
    def family(self) -> str:
        """The task definition's family, which all its revisions share."""
        return self.task_definition.rpartition("/")[2].partition(":")[0]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables.

        Raises:
            SettingsError: one is missing or wrong.
        """
        return cls(
            cluster=_text(environment, "CLUSTER"),
            task_definition=_text(environment, "TASK_DEFINITION"),
            container=_text(environment, "CONTAINER"),
            subnets=tuple(_text(environment, "SUBNETS").split(",")),
            security_group=_text(environment, "SECURITY_GROUP"),
            queue_url=_text(environment, "QUEUE_URL"),
            max_tasks=_number(environment, "MAX_TASKS", least=1),
            images_per_task=_number(environment, "IMAGES_PER_TASK", least=1),
            base_images=_number(environment, "BASE_IMAGES", least=0),
            started_by=_text(environment, "STARTED_BY"),
            metrics_namespace=_text(environment, "METRICS_NAMESPACE"),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name}: missing: allowed a value; the function's environment must hold it")
    return value


def _number(environment: Mapping[str, str], name: str, *, least: int) -> int:
    value = _text(environment, name)
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"{name}: value {value!r}: allowed a whole number, at least {least}")
    return int(value)
