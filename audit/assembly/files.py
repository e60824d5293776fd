"""Reads the files of a cloud assembly: the manifest's stacks, or the templates of a folder that has no manifest."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.errors import AuditError, Problem

_TEMPLATE_ENDINGS = (".template.json", ".json")
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)


@dataclass(frozen=True, kw_only=True)
class Template:
    """One stack as it is written in the assembly.

    Attributes:
        stack: the artifact's id, which names it in every report.
        stack_name: the name that it is deployed under.
        region, account: None when the template is made for any.
        content: the template itself.
        assets: where the assembly keeps the files of assets, by the hash in their object keys.
    """

    stack: str
    stack_name: str
    region: str | None
    account: str | None
    path: Path
    content: dict[str, Any]
    termination_protection: bool = False
    assets: dict[str, Path] = field(default_factory=dict)

    def section(self, name: str) -> dict[str, Any]:
        """A section of the template, empty when there is none."""
        section: dict[str, Any] = self.content.get(name) or {}
        return section


def read_templates(folder: Path) -> tuple[Template, ...]:
    """Every stack of an assembly, in the order of deployment.

    Raises:
        AuditError: the folder or a file in it cannot be read, or holds no CloudFormation template.
    """
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise AuditError([Problem(where=str(folder), why=f"{found}; a folder with a cloud assembly is needed")])
    templates = tuple(_of_manifest(folder) if (folder / "manifest.json").is_file() else _of_folder(folder))
    if not templates:
        nested = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
        hint = f"; did you mean {', '.join(str(folder / name) for name in nested)}?" if nested else ""
        raise AuditError([Problem(where=str(folder), why=f"holds no CloudFormation template{hint}")])
    return templates


def _of_manifest(folder: Path) -> Iterator[Template]:
    manifest = _read_object(folder / "manifest.json")
    artifacts = manifest.get("artifacts", {})
    stacks = {name for name, artifact in artifacts.items() if artifact.get("type") == "aws:cloudformation:stack"}
    for name in _ordered(artifacts, stacks):
        artifact = artifacts[name]
        properties = artifact.get("properties", {})
        account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
        path = folder / str(properties.get("templateFile"))
        yield Template(
            stack=name,
            stack_name=str(properties.get("stackName", name)),
            region=None if region in {"", "unknown-region"} else region,
            account=None if account in {"", "unknown-account"} else account,
            path=path,
            content=_read_template(path),
            termination_protection=bool(properties.get("terminationProtection", False)),
            assets=_assets(folder, name),
        )
    for _, artifact in sorted(artifacts.items()):
        if artifact.get("type") == "cdk:cloud-assembly":
            yield from _of_manifest(folder / artifact["properties"]["directoryName"])


def _ordered(artifacts: dict[str, Any], stacks: set[str]) -> list[str]:
    """Stack names, each after those that it depends on."""
    ordered: list[str] = []

    def place(name: str, above: tuple[str, ...]) -> None:
        if name in ordered or name in above:
            return
        for other in sorted(stacks & set(artifacts[name].get("dependencies", []))):
            place(other, (*above, name))
        ordered.append(name)

    for name in sorted(stacks):
        place(name, ())
    return ordered


def _assets(folder: Path, stack: str) -> dict[str, Path]:
    path = folder / f"{stack}.assets.json"
    if not path.is_file():
        return {}
    files = _read_object(path).get("files", {})
    return {name: folder / str(entry.get("source", {}).get("path", "")) for name, entry in files.items()}


def _of_folder(folder: Path) -> Iterator[Template]:
    """Templates that were written without a manifest, by whatever tool."""
    for path in sorted(folder.glob("*.json")):
        content = _read_object(path)
        if "Resources" not in content:
            continue
        name = next(path.name.removesuffix(ending) for ending in _TEMPLATE_ENDINGS if path.name.endswith(ending))
        _check_sections(content, path)
        yield Template(stack=name, stack_name=name, region=None, account=None, path=path, content=content)


def _read_template(path: Path) -> dict[str, Any]:
    content = _read_object(path)
    _check_sections(content, path)
    return content


def _check_sections(content: dict[str, Any], path: Path) -> None:
    problems = [
        Problem(where=path.name, why=f"unknown section {name!r}; this is not a CloudFormation template")
        for name in sorted(content.keys() - _SECTIONS)
    ]
    resources = content.get("Resources")
    if not isinstance(resources, dict) or not resources:
        problems.append(Problem(where=path.name, why="has no Resources"))
    else:
        problems += [
            Problem(where=f"{path.name}: {logical_id}", why="is not a resource with a Type")
            for logical_id, resource in resources.items()
            if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str)
        ]
    if "Transform" in content:
        problems.append(Problem(where=path.name, why="Transform: what a macro makes of a template is not modelled"))
    if problems:
        raise AuditError(problems)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        why = f"cannot be read ({error.strerror})"
    except UnicodeDecodeError as error:
        why = f"is not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        why = f"is not JSON: {error.msg} at line {error.lineno}"
    else:
        if isinstance(content, dict):
            return content
        why = "is not a JSON object"
    raise AuditError([Problem(where=str(path), why=why)])
