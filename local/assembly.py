"""A cloud assembly as it lies on disk: its stacks in the order of their dependencies, and the files they need."""

import json
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One template and the name under which it is deployed; the CDK command line knows it by its identity."""

    identity: str
    name: str
    template: Path
    termination_protection: bool


@dataclass(frozen=True, kw_only=True)
class FileAsset:
    """A file or folder that a stack expects in a bucket of CDK's bootstrap; a folder is uploaded as a zip."""

    source: Path
    zipped: bool
    bucket: str
    key: str


class Assembly:
    """What `app.py` wrote for one environment.

    Placeholders such as `${AWS::AccountId}` in the names of buckets are filled in with the account given.
    """

    def __init__(self, folder: Path, *, account: str, region: str) -> None:
        self._folder = folder
        self._names = {"${AWS::AccountId}": account, "${AWS::Region}": region, "${AWS::Partition}": "aws"}
        self._artifacts: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["artifacts"]

    def stacks(self) -> list[Stack]:
        """Every stack after those it imports values from."""
        graph = {
            identity: [on for on in artifact.get("dependencies", []) if self._is_stack(on)]
            for identity, artifact in self._artifacts.items()
            if self._is_stack(identity)
        }
        return [self._stack(identity) for identity in TopologicalSorter(graph).static_order()]

    def files(self) -> list[FileAsset]:
        """Every file asset once. Container images are left out: on one machine the code runs where it lies."""
        found: dict[tuple[str, str], FileAsset] = {}
        for artifact in self._artifacts.values():
            if artifact["type"] != "cdk:asset-manifest":
                continue
            manifest = json.loads((self._folder / artifact["properties"]["file"]).read_text())
            for asset in manifest.get("files", {}).values():
                for destination in asset["destinations"].values():
                    bucket, key = self._filled(destination["bucketName"]), self._filled(destination["objectKey"])
                    found[bucket, key] = FileAsset(
                        source=self._folder / asset["source"]["path"],
                        zipped=asset["source"].get("packaging") == "zip",
                        bucket=bucket,
                        key=key,
                    )
        return list(found.values())

    def _is_stack(self, identity: str) -> bool:
        return bool(self._artifacts[identity]["type"] == "aws:cloudformation:stack")

    def _stack(self, identity: str) -> Stack:
        properties = self._artifacts[identity]["properties"]
        return Stack(
            identity=identity,
            name=properties.get("stackName", identity),
            template=self._folder / properties["templateFile"],
            termination_protection=properties.get("terminationProtection", False),
        )

    def _filled(self, name: str) -> str:
        for placeholder, value in self._names.items():
            name = name.replace(placeholder, value)
        return name
