"""Draws the pictures that are made of sample RAWs: the README's, and the one that the console tries recipes on.

`make pictures` runs it.
"""

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from processor.batch import BatchOptions, run_batch
from processor.cli.demo import DEMO_RECIPE, draw_logo
from processor.recipe import Recipe, Rendition
from processor.recipe_io import load_recipe
from processor.sample import SAMPLE_SIZES, make_sample

CONTACT_SHEET = Path(__file__).parents[1] / "docs" / "images" / "contact_sheet.jpg"
RECIPE_SAMPLE = Path(__file__).parents[1] / "service" / "console" / "pictures" / "sample.jpg"
_RECIPE_SAMPLE_SEED = 2
GAP_PX = 8
PAPER = (255, 255, 255)

# (seed, orientation) in reading order: two landscapes and a portrait in every row.
_SHOTS = ((1, 1), (2, 1), (3, 6), (4, 1), (5, 8), (6, 1))


def contact_sheet(width_px: int = 1200) -> Image.Image:
    """Makes and develops six small samples by the demo's recipe and puts them side by side."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals, out = folder / "samples", folder / "renditions"
        originals.mkdir()
        width, height = SAMPLE_SIZES["small"]
        for number, (seed, orientation) in enumerate(_SHOTS):
            path = originals / f"{number}.dng"
            make_sample(path, width_px=width, height_px=height, seed=seed, orientation=orientation)
        draw_logo(folder / "logo.png")
        (folder / "demo.toml").write_text(DEMO_RECIPE, encoding="utf-8")
        report = run_batch([originals], load_recipe(folder / "demo.toml"), out, BatchOptions())
        pictures = [
            Image.open(out / next(o.path for o in result.outputs if o.rendition == "1080p")).convert("RGB")
            for result in report.results
        ]
    return side_by_side(pictures, columns=3, width_px=width_px)


def recipe_sample() -> Image.Image:
    """A sample as a recipe finds it after decoding and resizing: no filter, no watermark."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        width, height = SAMPLE_SIZES["6mp"]
        make_sample(folder / "sample.dng", width_px=width, height_px=height, seed=_RECIPE_SAMPLE_SEED)
        recipe = Recipe(renditions=(Rendition(name="plain", long_edge_px=1920, quality=100),), keep_exif=False)
        report = run_batch([folder / "sample.dng"], recipe, folder / "out", BatchOptions())
        (output,) = report.results[0].outputs
        return Image.open(folder / "out" / output.path).convert("RGB")


def side_by_side(pictures: Sequence[Image.Image], *, columns: int, width_px: int) -> Image.Image:
    """Rows of `columns` pictures, every row as wide as the sheet, no picture cropped by more than a pixel."""
    strips = [_strip(pictures[first : first + columns], width_px) for first in range(0, len(pictures), columns)]
    sheet = Image.new("RGB", (width_px, sum(strip.height for strip in strips) + GAP_PX * (len(strips) - 1)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + GAP_PX
    return sheet


def _strip(row: Sequence[Image.Image], width_px: int) -> Image.Image:
    room = width_px - GAP_PX * (len(row) - 1)
    height = math.floor(room / sum(picture.width / picture.height for picture in row))
    strip = Image.new("RGB", (width_px, height), PAPER)
    left = 0
    for number, picture in enumerate(row):
        last = number == len(row) - 1
        width = width_px - left if last else round(picture.width * height / picture.height)
        strip.paste(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS), (left, 0))
        left += width + GAP_PX
    return strip


if __name__ == "__main__":
    CONTACT_SHEET.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet().save(CONTACT_SHEET, quality=85, optimize=True)
    RECIPE_SAMPLE.parent.mkdir(parents=True, exist_ok=True)
    recipe_sample().save(RECIPE_SAMPLE, quality=90, subsampling="4:4:4", optimize=True)
    sys.stdout.write(f"{CONTACT_SHEET}\n{RECIPE_SAMPLE}\n")
