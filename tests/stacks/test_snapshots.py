"""Snapshots of each stack in each environment: what a pull request changes, as a diff that can be reviewed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SerializableData, SnapshotIndex

from stacks.settings import environment_names
from tests.stacks.configurations import STACKS

ROOT = Path(__file__).resolve().parents[2]
_HASH_OF_ASSET = re.compile(r"\b[0-9a-f]{64}\b")


class TemplateSnapshot(SingleFileSnapshotExtension):
    """One JSON file per stack and environment."""

    file_extension = "json"
    _write_mode = WriteMode.TEXT

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:  # noqa: ARG003
        """The name that the test gives, such as `Network-prod`, is the file's."""
        return str(index)

    def serialize(self, data: SerializableData, **_: object) -> str:
        """Sorted, so that what CDK lists in another order is no difference."""
        return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Snapshots in the format above."""
    return snapshot.use_extension(TemplateSnapshot)


def normalised(template: dict[str, Any]) -> dict[str, Any]:
    """A template without what changes when the infrastructure does not: bootstrap versions, the hashes of assets, and
    inline code, which its file's name stands for. Lists whose order means nothing are sorted.
    """
    content = json.loads(_HASH_OF_ASSET.sub("HASH", json.dumps(template)))
    content.get("Parameters", {}).pop("BootstrapVersion", None)
    content.get("Rules", {}).pop("CheckBootstrapVersion", None)
    content = {key: value for key, value in content.items() if value}
    for resource in content["Resources"].values():
        properties = resource.get("Properties", {})
        if isinstance(properties.get("Tags"), list):
            properties["Tags"].sort(key=lambda tag: tag["Key"])
        if isinstance(resource.get("DependsOn"), list):
            resource["DependsOn"].sort()
        if resource["Type"] == "AWS::Lambda::Function":
            properties["Code"] = _name_of_code(properties["Code"])
    return content


def _name_of_code(code: dict[str, Any]) -> str:
    if "ZipFile" not in code:
        return "an asset"
    sources = (ROOT / "lambda").glob("*/index.py")
    return next(path.parent.name for path in sources if path.read_text(encoding="utf-8") == code["ZipFile"])


@pytest.mark.parametrize("environment", environment_names())
@pytest.mark.parametrize("stack", STACKS)
def test_a_template_is_as_it_was_reviewed(
    assemblies: Path, snapshot: SnapshotAssertion, stack: str, environment: str
) -> None:
    template = json.loads((assemblies / environment / f"{stack}.template.json").read_text(encoding="utf-8"))
    assert normalised(template) == snapshot(name=f"{stack}-{environment}"), (
        "the template has changed: read the difference, and `make snapshots` if it is meant"
    )


def test_another_build_of_the_image_is_no_difference() -> None:
    one, other = (
        {"Resources": {"Task": {"Type": "Any", "Properties": {"Image": f"a/b:{digit * 64}"}}}} for digit in "1f"
    )
    assert normalised(one) == normalised(other)
    assert normalised(one)["Resources"]["Task"]["Properties"]["Image"] == "a/b:HASH"


def test_every_stack_has_a_snapshot(assemblies: Path) -> None:
    made = {path.name.removesuffix(".template.json") for path in (assemblies / "prod").glob("*.template.json")}
    assert made == set(STACKS)
