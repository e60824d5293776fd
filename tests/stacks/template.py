"""A CloudFormation template as tests want to read it. Shares no code with what made it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Resource = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """The resources of one template by logical id."""

    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The template in a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def all(self, kind: str) -> dict[str, Resource]:
        """Properties of the resources of a type, such as `AWS::EC2::Subnet`, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.content["Resources"].items()
            if resource["Type"] == kind
        }

    def only(self, kind: str) -> Resource:
        """Properties of the one resource of a type."""
        found = list(self.all(kind).values())
        assert len(found) == 1, f"{len(found)} resources of type {kind}, expected one"
        return found[0]

    def name_of(self, logical_id: str) -> str:
        """The Name tag without project and environment: `public-a`."""
        tags = self.content["Resources"][logical_id]["Properties"]["Tags"]
        name: str = next(tag["Value"] for tag in tags if tag["Key"] == "Name")
        environment: str = next(tag["Value"] for tag in tags if tag["Key"] == "Environment")
        return name.removeprefix(f"rawmill-{environment}-")

    def names(self, kind: str) -> dict[str, str]:
        """Logical ids of a type by Name tag."""
        found = {self.name_of(logical_id): logical_id for logical_id in self.all(kind)}
        assert len(found) == len(self.all(kind)), f"two resources of type {kind} have the same name"
        return found


def ref(value: Any) -> str:
    """The logical id that a property refers to."""
    target: str = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return target
