"""Assets: code and images whose hash stands in a template. Another hash is new code, not other infrastructure."""

import json
from collections.abc import Mapping
from typing import Any

from audit.assembly import Assembly
from audit.errors import AuditError, Problem


def read_assets(assembly: Assembly) -> dict[str, str]:
    """Names of the assets of an assembly by their hash: `code Burst/Code`, `image Image/Asset`.

    Raises:
        AuditError: a list of assets cannot be read.
    """
    found: dict[str, str] = {}
    for name, template in assembly.stacks.items():
        path = template.path.parent / f"{name}.assets.json"
        if not path.is_file():
            continue
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AuditError([Problem(where=str(path), why=f"is no list of assets: {error}")]) from None
        for section, word in (("files", "code"), ("dockerImages", "image")):
            entries: Mapping[str, Any] = content.get(section, {})
            for digest, entry in entries.items():
                if not str(entry.get("source", {}).get("path", "")).endswith(".template.json"):
                    found.setdefault(digest, f"{word} {entry.get('displayName', name)}")
    return found
