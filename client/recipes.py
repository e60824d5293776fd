"""Reads a recipe for the service. What it means is the service's business: it validates and explains."""

import json
import re
import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any

from client.errors import UsageError

MAX_RECIPE_BYTES = 256 * 1024
MAX_LOGO_BYTES = 4 << 20
_PRESET = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}


def read_recipe(reference: str | Path) -> dict[str, Any] | str:
    """The recipe that a path (`.toml` or `.json`) or a preset's name refers to, as the API takes it.

    A logo beside the recipe becomes part of it, as a `data:` address: the service cannot read this machine's files.

    Raises:
        UsageError: unreadable, neither TOML nor JSON, or not a table of settings.
    """
    path = Path(reference)
    if path.suffix.lower() not in {".toml", ".json"}:
        if _PRESET.fullmatch(str(reference)):
            return str(reference)
        raise UsageError(f"recipe {path}: a .toml or .json file is needed, or the name of one of the service's")
    return with_logo(_settings(path), folder=path.parent, where=f"recipe {path}")


def with_logo(settings: dict[str, Any], *, folder: Path, where: str = "recipe") -> dict[str, Any]:
    """The settings with the watermark's logo inside; a relative path starts at `folder`.

    Raises:
        UsageError: the logo is unreadable, too large or of a kind that the service does not take.
    """
    watermark = settings.get("watermark")
    logo = watermark.get("logo") if isinstance(watermark, dict) else None
    if not isinstance(logo, str) or logo.startswith("data:"):
        return settings
    path = folder / logo
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise UsageError(f"{where}: watermark.logo = {logo}: a file ending in {', '.join(_MEDIA_TYPES)} is needed")
    content = _content(path, f"{where}: watermark.logo = {logo}", limit=MAX_LOGO_BYTES)
    address = f"data:{media_type};base64,{b64encode(content).decode()}"
    return {**settings, "watermark": {**settings["watermark"], "logo": address}}


def _settings(path: Path) -> dict[str, Any]:
    try:
        text = _content(path, f"recipe {path}", limit=MAX_RECIPE_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"recipe {path}: not UTF-8 text (byte {error.start})") from None
    try:
        settings = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
        json.dumps(settings, allow_nan=False)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"recipe {path}: not valid {path.suffix[1:].upper()}: {error}") from None
    except (TypeError, ValueError, RecursionError) as error:  # a date, a NaN: TOML has them, JSON has not
        raise UsageError(f"recipe {path}: {error}") from None
    if not isinstance(settings, dict):
        raise UsageError(f"recipe {path}: a table of settings is needed, not {type(settings).__name__}")
    return settings


def _content(path: Path, where: str, *, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise UsageError(f"{where}: more than {limit} bytes, the most it may have")
    return content
