"""The bill of materials of an image: syft's reading of it, without its mistakes, with what it cannot see."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from image.engine import inspect
from image.errors import ImageError, ImageReason
from image.inside import Contents

KNOWN_KINDS = ("pkg:deb/", "pkg:pypi/")
"""All that is installed into the image. What a scanner takes for another kind is a file of these."""


def write_sbom(image: str, contents: Contents, *, syft: Path, folder: Path) -> tuple[Path, int]:
    """Write sbom.cdx.json, CycloneDX; returns its path and the number of components.

    Raises:
        ImageError: syft is not there or fails, or it overlooked a package that the image has.
    """
    image_id = str(inspect(image)["Id"])
    if not syft.exists():
        raise ImageError(ImageReason.TOOL_FAILED, f"{syft} is not there: run `make setup-image`")
    scanned = subprocess.run(
        [str(syft), "scan", f"docker:{image}", "--output", "cyclonedx-json", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"},
    )
    if scanned.returncode:
        raise ImageError(ImageReason.TOOL_FAILED, f"syft: {scanned.stderr.strip()}")
    document = completed(json.loads(scanned.stdout), contents, image_id)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "sbom.cdx.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path, len(document["components"])


def completed(document: dict[str, Any], contents: Contents, image_id: str) -> dict[str, Any]:
    """A CycloneDX document of packages that are there, libraries inside of them, and nothing else."""
    kept = [each for each in document["components"] if _is_installed(each)]
    listed = {_key(each["name"]) for each in kept}
    missing = [each.name for each in contents.packages if _key(each.name) not in listed]
    missing += [name for name in contents.system if _key(name) not in listed]
    if missing:
        raise ImageError(ImageReason.TOOL_FAILED, f"syft overlooked {', '.join(missing)}, which the image has")
    kept += [
        {
            "type": "library",
            "bom-ref": f"inside:{_key(each.name)}",
            "name": each.name,
            "version": each.version,
            "purl": f"pkg:generic/{_key(each.name)}@{each.version}",
            "licenses": [{"expression": each.licence}],
            "properties": [{"name": "rawmill:inside", "value": each.inside}],
        }
        for each in contents.native
    ]
    document["components"] = kept
    references = {each["bom-ref"] for each in kept}
    root = document["metadata"]["component"]
    root["hashes"] = [{"alg": "SHA-256", "content": image_id.removeprefix("sha256:")}]
    document["dependencies"] = [
        {**edge, "dependsOn": [to for to in edge.get("dependsOn", []) if to in references]}
        for edge in document.get("dependencies", [])
        if edge["ref"] in references | {root["bom-ref"]}
    ]
    return document


def _is_installed(component: dict[str, Any]) -> bool:
    return component["type"] == "operating-system" or str(component.get("purl")).startswith(KNOWN_KINDS)


def _key(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-").replace(".", "-")
