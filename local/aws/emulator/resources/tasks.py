"""Task definitions with all that their containers are told: ministack keeps only the outermost level of it."""

from typing import Any

from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from local.aws.emulator.resources.handler import Handler, Properties, extended

_NESTED = ("HealthCheck", "LinuxParameters", "SystemControls", "Ulimits")
_OF_THE_TASK = {"EphemeralStorage": "ephemeralStorage", "RuntimePlatform": "runtimePlatform", "Volumes": "volumes"}


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The task types, by name."""
    return {"AWS::ECS::TaskDefinition": extended(stock["AWS::ECS::TaskDefinition"], _complete)}


def _complete(arn: str, properties: Properties, attributes: dict[str, Any]) -> dict[str, Any]:
    record = ecs._task_defs[arn.rpartition("/")[2]]
    for name, key in _OF_THE_TASK.items():
        if name in properties:
            record[key] = provisioners._pascal_to_camel(properties[name])
    for container, given in zip(record["containerDefinitions"], properties["ContainerDefinitions"], strict=True):
        nested = {name: given[name] for name in _NESTED if name in given}
        container.update(provisioners._pascal_to_camel(nested))
    return attributes
