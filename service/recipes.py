"""Recipes as the API takes, keeps and hands them to workers: by a preset's name or as settings, the logo within.

A recipe on disk names its logo by a path. A path that came over the network would be one of the server's, so there the
logo is a data URI, and only a worker makes a file of it.
"""

import base64
import binascii
import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.errors import RecipeError
from processor.recipe import CustomFilter, Recipe
from processor.recipe_io import MAX_RECIPE_BYTES, parse_recipe, preset

_DATA_URI = re.compile(r"data:image/(?:png|jpeg|webp);base64,([A-Za-z0-9+/=]+)", re.ASCII)
_WHERE = "recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A valid recipe.

    Attributes:
        settings: complete, as plain JSON values; `load` makes the recipe of them.
        digest: hex SHA-256 over all that decides the pixels.
    """

    settings: dict[str, Any]
    digest: str


def accept(given: str | Mapping[str, Any]) -> Accepted:
    """Validates what a customer sent: a preset's name, or settings.

    Raises:
        RecipeError: one line a fault, each beginning with `recipe: KEY`.
    """
    if isinstance(given, str):
        recipe = preset(given)
        return Accepted(settings=recipe.model_dump(mode="json"), digest=recipe.digest())
    _check_text(given)
    logo = _logo_of(given)
    with tempfile.TemporaryDirectory(prefix="rawmill-recipe-") as folder:
        try:
            recipe = load(given, folder=Path(folder))
        except RecipeError as error:
            # Where the server put the logo for a moment is nobody's business.
            raise RecipeError(re.sub(rf" = {re.escape(folder)}/logo-[0-9a-f]+", "", str(error))) from None
        _check_filters(recipe)
        digest = recipe.digest()
    settings = recipe.model_dump(mode="json")
    if logo is not None:
        settings["watermark"]["logo"] = logo
    return Accepted(settings=settings, digest=digest)


def load(settings: Mapping[str, Any], *, folder: Path) -> Recipe:
    """The recipe of accepted settings; a logo is written into `folder` under the digest of its bytes.

    Raises:
        RecipeError: the settings are not valid.
    """
    logo = _logo_of(settings)
    if logo is None:
        return parse_recipe(settings, where=_WHERE, folder=folder)
    data = _decoded(logo)
    file = folder / f"logo-{hashlib.sha256(data).hexdigest()}"
    if not file.exists():
        temporary = Path(tempfile.mkstemp(dir=folder)[1])
        temporary.write_bytes(data)
        temporary.replace(file)
    changed = {**settings, "watermark": {**settings["watermark"], "logo": str(file)}}
    return parse_recipe(changed, where=_WHERE, folder=folder)


def _logo_of(settings: Mapping[str, Any]) -> str | None:
    watermark = settings.get("watermark")
    logo = watermark.get("logo") if isinstance(watermark, Mapping) else None
    return logo if isinstance(logo, str) else None


def _decoded(logo: str) -> bytes:
    found = _DATA_URI.fullmatch(logo)
    try:
        if found is not None:
            return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        pass
    raise RecipeError(
        f"{_WHERE}: watermark.logo = {json.dumps(logo[:40])}: must be the picture itself, as "
        '"data:image/png;base64,…" (png, jpeg or webp)'
    )


def _check_text(settings: Mapping[str, Any]) -> None:
    """What JSON can say and a database cannot keep: NUL, halves of characters, numbers that are none."""
    try:
        text = json.dumps(settings, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):  # includes UnicodeEncodeError
        raise RecipeError(f"{_WHERE}: has a number or a character that cannot be stored") from None
    if len(text) > MAX_RECIPE_BYTES:
        raise RecipeError(f"{_WHERE}: {len(text)} bytes; a recipe has at most {MAX_RECIPE_BYTES}, its logo included")
    if b"\\u0000" in text:
        raise RecipeError(f"{_WHERE}: has a NUL character; remove it")


def _check_filters(recipe: Recipe) -> None:
    """Custom filters are code that somebody registers in their own process; the service's workers have none."""
    used = {
        step.name
        for filters in (recipe.filters, *(rendition.filters or () for rendition in recipe.renditions))
        for step in filters
        if isinstance(step, CustomFilter)
    }
    if used:
        raise RecipeError(f"{_WHERE}: filters: {', '.join(sorted(used))}: no such filter; use kind blur or unsharp")
