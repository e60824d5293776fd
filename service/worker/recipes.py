"""Recipes in scratch: written once by the supervisor, loaded by decoders, with the logo in a file of its own.

A job's recipe carries its logo as a `data:` address. A path would name a file of this machine, which no customer may.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from processor.errors import RecipeError

_PREFIX, _ENCODED = "data:image/", ";base64,"


def store_recipe(folder: Path, digest: str, recipe: Mapping[str, Any]) -> None:
    """Write a recipe under its digest; nothing when it is there already.

    Raises:
        RecipeError: its logo is not a `data:` address of an image.
        OSError: the folder cannot be written.
    """
    path = recipe_path(folder, digest)
    if path.exists():
        return
    settings = dict(recipe)
    if settings.get("watermark"):
        logo = path.with_suffix(".logo")
        logo.write_bytes(_logo(settings["watermark"].get("logo")))
        settings["watermark"] = {**settings["watermark"], "logo": str(logo)}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(settings), encoding="utf-8")
    temporary.replace(path)


def recipe_path(folder: Path, digest: str) -> Path:
    """Where the recipe of a digest is."""
    return folder / f"{digest}.json"


def _logo(address: object) -> bytes:
    kind, found, encoded = str(address).partition(_ENCODED)
    if found and kind.startswith(_PREFIX):
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error:
            pass
    raise RecipeError(f"watermark.logo = {str(address)[:60]!r}: it must be data:image/…;base64,… with the logo inside")
