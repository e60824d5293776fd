"""Writes small assemblies for tests: templates by stack, with or without a manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_templates(folder: Path, **templates: Mapping[str, Any]) -> Path:
    """A folder of templates that no manifest lists."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, template in templates.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
    return folder


def write_assembly(
    folder: Path, *, environment: str = "aws://unknown-account/eu-west-1", **templates: Mapping[str, Any]
) -> Path:
    """A cloud assembly with a manifest; stacks are deployed under `app-NAME`."""
    write_templates(folder, **templates)
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "environment": environment,
            "properties": {"templateFile": f"{name}.template.json", "stackName": f"app-{name.lower()}"},
        }
        for name in templates
    }
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": artifacts}))
    return folder
