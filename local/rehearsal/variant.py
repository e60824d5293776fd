"""Variants of an environment: one setting changed in its file, or one grant taken out of its templates."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.assembly import Stack
from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason
from local.rehearsal.deployed import template_of
from stacks.settings import load_settings

_ENVIRONMENTS = ROOT / "environments"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A whole number in an environment's file."""

    table: str
    key: str

    def __str__(self) -> str:
        return f"{self.table}.{self.key}"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One action of one statement of a role's policy."""

    sid: str
    action: str


def raised_by_one(environment: str, setting: Setting, folder: Path) -> tuple[int, int]:
    """Copy all environments' files to `folder` and raise one setting of one of them; the value before and after.

    A file that leaves the setting to its default is made to give it.
    """
    before: int = getattr(getattr(load_settings(environment), setting.table), setting.key)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_ENVIRONMENTS, folder)
    file = folder / f"{environment}.toml"
    file.write_text(_with(file.read_text(), setting, before + 1))
    return before, before + 1


def _with(text: str, setting: Setting, value: int) -> str:
    """The file with the setting: its line goes, and a new one stands at the head of its table."""
    lines = text.splitlines()
    header, line = f"[{setting.table}]", f"{setting.key} = {value}"
    if header not in lines:
        return "\n".join([*lines, "", header, line, ""])
    start = lines.index(header) + 1
    end = next((at for at in range(start, len(lines)) if lines[at].startswith("[")), len(lines))
    kept = [each for each in lines[start:end] if each.partition("=")[0].strip() != setting.key]
    return "\n".join([*lines[:start], line, *kept, *lines[end:], ""])


def without_grant(assembly: Path, stacks: list[Stack], grant: Grant, to: Path) -> tuple[Stack, str]:
    """Copy an assembly without one grant; the stack that had it, and the logical id of the policy.

    A template goes by the digest of its content, so that a changed one is published under a name of its own.
    """
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(assembly, to)
    for stack in stacks:
        template = template_of(stack)
        policy = _take_out(template, grant)
        if policy is None:
            continue
        content = json.dumps(template, indent=1)
        (to / stack.template.name).write_text(content)
        before, after = _name_of(to, stack), hashlib.sha256(content.encode()).hexdigest()
        for file in (_manifest_of(to, stack), to / "manifest.json"):
            file.write_text(file.read_text().replace(before, after))
        return stack, policy
    raise LocalError(LocalReason.TEMPLATE_REFUSED, f"no statement {grant.sid} grants {grant.action}")


def _take_out(template: dict[str, Any], grant: Grant) -> str | None:
    for logical_id, resource in template["Resources"].items():
        for statement in resource.get("Properties", {}).get("PolicyDocument", {}).get("Statement", []):
            actions = statement.get("Action", [])
            if statement.get("Sid") == grant.sid and isinstance(actions, list) and grant.action in actions:
                statement["Action"] = [action for action in actions if action != grant.action]
                return str(logical_id)
    return None


def _manifest_of(assembly: Path, stack: Stack) -> Path:
    return assembly / stack.template.name.replace(".template.json", ".assets.json")


def _name_of(assembly: Path, stack: Stack) -> str:
    """The digest under which the template is published."""
    files: dict[str, Any] = json.loads(_manifest_of(assembly, stack).read_text())["files"]
    return next(name for name, asset in files.items() if asset["source"]["path"] == stack.template.name)
