"""Reads recipes from TOML and JSON files and from the built-in presets, and says what is wrong, in one line a fault."""

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from processor.errors import RecipeError
from processor.recipe import LOGO_FORMATS, Recipe

MAX_RECIPE_BYTES = 256 * 1024
MAX_LOGO_PIXELS = 25_000_000
"""A logo larger than this is a mistake or an attack: it is scaled to a fraction of a rendition anyway."""


def preset_names() -> tuple[str, ...]:
    """The built-in recipes, sorted."""
    folder = resources.files("processor") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def preset(name: str) -> Recipe:
    """A built-in recipe.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in preset_names():
        raise RecipeError(f"recipe {name!r}: no such file or preset; the presets are {', '.join(preset_names())}")
    text = (resources.files("processor") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_recipe(tomllib.loads(text), where=f"preset {name}", folder=Path())


def load_recipe(reference: str | Path) -> Recipe:
    """The recipe that a path (`.toml` or `.json`) or a preset's name refers to, its logo checked.

    Raises:
        RecipeError: unreadable, not TOML or JSON, or not a valid recipe; one line a fault.
    """
    path = Path(reference)
    if path.suffix.lower() not in {".toml", ".json"}:
        return preset(str(reference))
    return parse_recipe(_read_settings(path), where=str(path), folder=path.parent)


def parse_recipe(settings: object, *, where: str, folder: Path) -> Recipe:
    """Validates settings into a recipe; a relative logo path starts at `folder`.

    Raises:
        RecipeError: one line a fault, each with `where`, the key, the value and what is allowed.
    """
    try:
        recipe = Recipe.model_validate(settings)
    except ValidationError as error:
        raise RecipeError("\n".join(_sentence(where, fault) for fault in _causes(error))) from None
    if recipe.watermark is None:
        return recipe
    logo = (folder / recipe.watermark.logo).absolute()
    _check_logo(logo, where)
    return recipe.model_copy(update={"watermark": recipe.watermark.model_copy(update={"logo": logo})})


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as JSON that `load_recipe` reads back to an equal one."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


def _read_settings(path: Path) -> object:
    try:
        size = path.stat().st_size
        if size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: {size} bytes; a recipe has at most {MAX_RECIPE_BYTES}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 text (byte {error.start})") from None
    try:
        return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError) as error:
        raise RecipeError(f"{path}: not valid {path.suffix[1:].upper()}: {_printable(str(error))}") from None
    except ValueError:  # Python reads no number of more than 4300 digits
        raise RecipeError(f"{path}: has a number of thousands of digits; no setting takes one") from None
    except RecursionError:
        raise RecipeError(f"{path}: nested too deeply for a recipe") from None


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """The faults, without those that only follow from another one: a list that seems short, for its items are bad."""
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    return [
        fault
        for fault in faults
        if fault["type"] != "too_short"
        or not any(len(p) > len(fault["loc"]) and p[: len(fault["loc"])] == fault["loc"] for p in places)
    ]


def _sentence(where: str, fault: ErrorDetails) -> str:
    """`FILE: key = value: what is allowed`, the way every settings error of the project reads."""
    key = ".".join(_brief(str(part)) for part in fault["loc"] if part not in {"blur", "unsharp", "custom"})
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if fault["type"] == "missing":
        return f"{where}: {key}: missing; it is required"
    if fault["type"] == "extra_forbidden":
        return f"{where}: {key}: unknown key; remove it or correct its spelling"
    if fault["type"].startswith("union_tag"):
        return f'{where}: {key}: needs kind = "blur", "unsharp" or "custom"'
    value = _shortened(fault["input"])
    return f"{where}: {key} = {value}: {message}" if key else f"{where}: {message}"


def _shortened(value: Any) -> str:
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists within lists within lists
        return "(too long to be shown)"
    return _brief(text)


def _brief(text: str) -> str:
    return _printable(text if len(text) <= 60 else f"{text[:57]}…")


def _printable(text: str) -> str:
    """Nothing in it breaks the line, turns its direction or cannot be written."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _check_logo(logo: Path, where: str) -> None:
    subject = f"{where}: watermark.logo = {_printable(str(logo))}"
    limit = f"a logo has at most {MAX_LOGO_PIXELS // 1_000_000} million pixels"
    try:
        with Image.open(logo, formats=LOGO_FORMATS) as image:
            width, height = image.size
            image.verify()
    except Image.DecompressionBombError:
        raise RecipeError(f"{subject}: far too large; {limit}") from None
    except UnidentifiedImageError:
        raise RecipeError(f"{subject}: not an image that can be opened; a logo is a PNG, JPEG or WebP file") from None
    except OSError as error:
        raise RecipeError(f"{subject}: {error.strerror or 'not an image that can be opened'}") from None
    except (SyntaxError, ValueError) as error:  # what Pillow raises for a broken PNG
        raise RecipeError(f"{subject}: not an image that can be opened: {error}") from None
    if width * height > MAX_LOGO_PIXELS:
        raise RecipeError(f"{subject}: {width}×{height} pixels; {limit}")
