"""Reads what templates say about resources, raw. It shares no code with the audit, so that each checks the other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Id = tuple[str, str]
"""A stack's name and a logical id in it."""


class UnreadableError(Exception):
    """The oracle cannot build this network."""


@dataclass(frozen=True)
class Templates:
    """The templates of a folder by stack."""

    stacks: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> "Templates":
        """Every template of a folder."""
        paths = sorted(folder.glob("*.template.json"))
        return cls({path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in paths})

    def of_kind(self, *kinds: str) -> Iterator[tuple[Id, dict[str, Any]]]:
        """Identity and properties of the resources of some types."""
        for stack, template in self.stacks.items():
            for name, resource in template.get("Resources", {}).items():
                if resource["Type"] in kinds:
                    yield (stack, name), resource.get("Properties", {})

    def __iter__(self) -> Iterator[Id]:
        return ((stack, name) for stack, template in self.stacks.items() for name in template.get("Resources", {}))

    def kind(self, resource: Id) -> str:
        """The type of a resource."""
        return str(self._at(resource)["Type"])

    def properties(self, resource: Id) -> dict[str, Any]:
        """The properties of a resource as written."""
        found: dict[str, Any] = self._at(resource).get("Properties", {})
        return found

    def name(self, resource: Id) -> str:
        """The construct path, or stack and logical id."""
        return str(self._at(resource).get("Metadata", {}).get("aws:cdk:path", ".".join(resource)))

    def target(self, stack: str, value: Any) -> Id:
        """The resource that a value refers to, here or in another stack."""
        found = self.targets(stack, value)
        if len(found) != 1:
            raise UnreadableError(f"{stack}: {json.dumps(value)} is not one resource")
        return found[0]

    def targets(self, stack: str, value: Any) -> list[Id]:
        """Every resource that a value refers to, in the order of writing."""
        if isinstance(value, list):
            return [target for item in value for target in self.targets(stack, item)]
        if not isinstance(value, dict):
            return []
        if "Ref" in value:
            found = (stack, value["Ref"])
            return [found] if found[1] in self.stacks[stack].get("Resources", {}) else []
        if "Fn::GetAtt" in value:
            written = value["Fn::GetAtt"]
            return [(stack, written.split(".")[0] if isinstance(written, str) else written[0])]
        if "Fn::ImportValue" in value:
            return self.targets(*self._exports[value["Fn::ImportValue"]])
        return [target for item in value.values() for target in self.targets(stack, item)]

    @cached_property
    def _exports(self) -> dict[str, tuple[str, Any]]:
        return {
            output["Export"]["Name"]: (stack, output["Value"])
            for stack, template in self.stacks.items()
            for output in template.get("Outputs", {}).values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }

    def _at(self, resource: Id) -> dict[str, Any]:
        found: dict[str, Any] = self.stacks[resource[0]]["Resources"][resource[1]]
        return found
