"""`processor recipe check|show|list`: what a recipe makes, or what is wrong with it."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from processor import filters
from processor.encode import available_formats
from processor.errors import RecipeError
from processor.plugins import load_plugins
from processor.recipe import Blur, CustomFilter, Filter, Recipe, Unsharp
from processor.recipe_io import dump_recipe, load_recipe, preset, preset_names


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser("recipe", help="check and show recipes", description="Checks and shows recipes.")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    for name, function, words in (
        ("check", check, "say what a recipe makes, or what is wrong with it"),
        ("show", show, "print a recipe as JSON, with every default filled in"),
    ):
        action = actions.add_parser(name, help=words, description=words)
        action.add_argument("recipe", metavar="RECIPE", help="a .toml or .json file, or a preset's name")
        action.add_argument("--filters", action="append", default=[], metavar="MODULE", help="registers custom filters")
        action.set_defaults(command=function)
    actions.add_parser("list", help="list the presets", description="Lists the presets.").set_defaults(command=presets)


def usable_recipe(reference: str, plugins: list[str]) -> Recipe:
    """Loads a recipe and makes sure that this installation can make it.

    Raises:
        UsageError: invalid, an unregistered filter, or a format that cannot be written here.
    """
    load_plugins(plugins)
    recipe = load_recipe(reference)
    for rendition in recipe.renditions:
        filters.check_registered(recipe.filters_of(rendition))
        if rendition.format not in available_formats():
            raise RecipeError(
                f"{reference}: rendition {rendition.name!r}: this installation cannot write {rendition.format.value}; "
                f"it can write {', '.join(kind.value for kind in available_formats())}"
            )
    return recipe


def check(options: argparse.Namespace) -> int:
    """Prints the recipe as a table."""
    recipe = usable_recipe(options.recipe, options.filters)
    print(f"{options.recipe}: recipe {recipe.name!r} is valid; digest {recipe.digest()[:12]}")
    print(f"tier {recipe.tier.value}, {recipe.colour_space.value}, {_privacy(recipe)}, {_watermark(recipe)}")
    table = Table(box=None, pad_edge=False)
    for column, justify in (("rendition", "left"), ("long edge", "right"), ("format", "left"), ("filters", "left")):
        table.add_column(column, justify="right" if justify == "right" else "left")
    for rendition in recipe.renditions:
        steps = ", ".join(map(_described, recipe.filters_of(rendition))) or "none"
        kind = (
            rendition.format.value
            if rendition.format.value == "png"
            else f"{rendition.format.value} {rendition.quality}"
        )
        table.add_row(rendition.name, f"{rendition.long_edge_px} px", kind, steps)
    Console().print(table)
    return 0


def show(options: argparse.Namespace) -> int:
    """Prints the recipe as JSON."""
    print(dump_recipe(usable_recipe(options.recipe, options.filters)), end="")
    return 0


def presets(_options: argparse.Namespace) -> int:
    """Prints the presets, a line each."""
    for name in preset_names():
        recipe = preset(name)
        made = ", ".join(f"{r.name} {r.long_edge_px} px {r.format.value}" for r in recipe.renditions)
        print(f"{name:10} tier {recipe.tier.value:9} {made}")
    return 0


def _privacy(recipe: Recipe) -> str:
    if not recipe.keep_exif:
        return "no EXIF"
    return "EXIF without position, serial numbers and owner" if recipe.private else "EXIF kept"


def _watermark(recipe: Recipe) -> str:
    mark = recipe.watermark
    return "no watermark" if mark is None else f"watermark {mark.logo.name} {mark.position.value} at {mark.opacity:.0%}"


def _described(step: Filter) -> str:
    match step:
        case Blur():
            return f"blur {step.radius_px:g} px"
        case Unsharp():
            return f"unsharp {step.radius_px:g} px {step.amount_percent:g} % from {step.threshold}"
        case CustomFilter():
            return step.name
