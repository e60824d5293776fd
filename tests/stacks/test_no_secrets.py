"""No template, no function's code and no file that an image is built from holds a secret; properties refer to them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.secret_shapes import PLANTED, found_in
from tests.stacks.configurations import configurations

SECRET = re.compile(r"passw|secret|token|credential|private_?key|api_?key", re.IGNORECASE)
"""Names of properties and variables that hold one."""
NO_SECRET = re.compile(r"HttpTokens$|.*:")
"""A switch of machines; keys of conditions, such as those on the token of whoever signs in with GitHub."""
RESOLVED = re.compile(r"\{\{resolve:(?:secretsmanager|ssm-secure):")


def files_of(assembly: Path) -> Iterator[Path]:
    """All that a deployment sends away: templates, functions, what images are built from."""
    yield from (path for path in sorted(assembly.rglob("*")) if path.is_file())


def test_no_file_of_any_assembly_has_the_shape_of_a_secret(assemblies: Path) -> None:
    looked_at: set[str] = set()
    found = {}
    for path in files_of(assemblies):
        # assets are named by their content: the same one of another configuration is the same
        name = str(path.relative_to(assemblies)).partition("asset.")[2] or str(path.relative_to(assemblies))
        if name not in looked_at and (kinds := found_in(path.read_bytes())):
            found[name] = kinds
        looked_at.add(name)
    assert found == {}
    assert any(name.endswith("prod/Data.template.json") for name in looked_at)
    assert any(name.endswith("/decision.py") for name in looked_at), "the functions' code is among them"
    assert any(name.endswith("/service/settings.py") for name in looked_at), "and what the image is built from"


def test_the_image_is_built_from_nothing_that_is_not_committed(
    assemblies: Path, request: pytest.FixtureRequest
) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a clone of the repository")
    [dockerfile] = (assemblies / "prod").glob("asset.*/Dockerfile")
    context = {str(path.relative_to(dockerfile.parent)) for path in files_of(dockerfile.parent)}
    assert context - set(listed.stdout.split("\0")) == set(), (
        "ignored by git, such as a file of passwords, and yet sent to the image"
    )


def named_values(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every property and every variable of a container or function with its value."""
    if isinstance(value, dict):
        if value.keys() >= {"Name", "Value"}:
            yield str(value["Name"]), value["Value"]
        for key, inner in value.items():
            if not key.startswith("Fn::") and key != "Ref":
                yield key, inner
                yield from named_values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from named_values(inner, name)


def is_plain(value: Any) -> bool:
    """Whether anyone who reads the template reads the value."""
    if isinstance(value, str):
        return not RESOLVED.match(value)
    if isinstance(value, dict) and "Fn::Join" in value:
        parts = value["Fn::Join"][1]
        return not any(isinstance(part, dict) or RESOLVED.match(part) for part in parts)
    if isinstance(value, dict) and "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        return "${" not in text and not RESOLVED.match(text)
    return False


def secrets_told_by(template: dict[str, Any]) -> list[str]:
    """Names of properties, variables and parameters that hold a secret for everyone to read."""
    told = [
        f"{logical_id}: {name}"
        for logical_id, resource in template["Resources"].items()
        for name, value in named_values(resource.get("Properties", {}))
        if SECRET.search(name) and not NO_SECRET.match(name) and is_plain(value)
    ]
    for name, parameter in template.get("Parameters", {}).items():
        if SECRET.search(name) and ("Default" in parameter or not parameter.get("NoEcho")):
            told.append(f"parameter {name}")
    return told


@pytest.mark.parametrize("configuration", sorted(configurations()))
def test_what_is_named_like_a_secret_is_a_reference_to_one(assemblies: Path, configuration: str) -> None:
    referring = 0
    for path in sorted((assemblies / configuration).glob("*.template.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        assert secrets_told_by(template) == [], path.name
        referring += sum(
            bool(SECRET.search(name))
            for resource in template["Resources"].values()
            for name, _ in named_values(resource.get("Properties", {}))
        )
    assert referring >= 5, "database, session store, Django: there are secrets, and this test sees where they are used"


@pytest.mark.parametrize(
    "plant",
    [
        {"MasterUserPassword": "hunter2"},
        {"AuthToken": {"Fn::Join": ["", ["hunter", "2"]]}},
        {"AuthToken": {"Fn::Sub": "hunter2"}},
        {"ContainerDefinitions": [{"Environment": [{"Name": "RAWMILL_DATABASE_PASSWORD", "Value": "hunter2"}]}]},
        {"Environment": {"Variables": {"API_KEY": "hunter2"}}},
    ],
)
def test_a_planted_secret_is_found_in_a_property(plant: dict[str, Any]) -> None:
    assert len(secrets_told_by({"Resources": {"Planted": {"Properties": plant}}})) == 1


def test_a_parameter_for_a_secret_with_a_default_or_an_echo_is_found() -> None:
    parameters = {"Password": {"Type": "String", "NoEcho": True, "Default": "x"}, "ApiKey": {"Type": "String"}}
    assert len(secrets_told_by({"Resources": {}, "Parameters": parameters})) == 2


@pytest.mark.parametrize("planted", PLANTED, ids=lambda text: text[:6])
def test_a_planted_secret_is_found_in_a_file(tmp_path: Path, planted: str) -> None:
    (tmp_path / "asset.0").mkdir()
    (tmp_path / "asset.0" / "settings.py").write_text(f"here = '{planted}'\n", encoding="utf-8")
    assert [len(found_in(path.read_bytes())) for path in files_of(tmp_path)] == [1]
