"""Stages two to five: makes every rendition of a decoded picture, the largest first, each from the one above it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from PIL import Image

from processor import encode, filters, watermark
from processor.colour import icc_profile
from processor.errors import Stage
from processor.metadata import rendition_exif
from processor.plan import Plan
from processor.recipe import Recipe, Rendition
from processor.resize import resize, upright
from processor.result import Output
from processor.store import OutputFolder
from processor.types import SIDEWAYS, Frame, Rgb8

FILTER_LICENCE = "filter_license"
WATERMARK_LICENCE = "watermark_license"

Licence = Callable[[str], AbstractContextManager[None]]
"""Holds one seat of the licence of that name while the block runs."""


class Canvas:
    """The clean picture: no filter, no watermark. It owns its pixels and shrinks, so that larger ones are freed."""

    def __init__(self, frame: Frame) -> None:
        self._pixels = frame.pixels
        self._orientation = frame.orientation
        self.colour_space = frame.colour_space

    def shrink(self, size_px: tuple[int, int]) -> Rgb8:
        """Makes the picture smaller and returns it; `size_px` is (width, height) of the upright picture."""
        sideways = self._orientation in SIDEWAYS
        self._pixels = resize(self._pixels, size_px[::-1] if sideways else size_px)
        # Turned once, after the first and largest step: fewer pixels to move, and never twice.
        self._pixels = upright(self._pixels, self._orientation)
        self._orientation = 1
        return self._pixels


def make_renditions(
    canvas: Canvas,
    plan: Plan,
    recipe: Recipe,
    *,
    exif: Image.Exif,
    folder: OutputFolder,
    name: str,
    enter: Callable[[Stage], None],
    licence: Licence,
) -> tuple[Output, ...]:
    """Resizes, filters, marks, encodes and stores.

    Args:
        canvas: the decoded picture; used up.
        plan: sizes of the renditions.
        recipe: what to make.
        exif: what the camera recorded.
        folder: where renditions are stored.
        name: output path without rendition and extension.
        enter: told of every stage that begins.
        licence: seats for the filter and watermark stages.

    Returns:
        The outputs in the recipe's order.

    Raises:
        ImageError: one could not be made; then none of them is stored.
    """
    profile = icc_profile(canvas.colour_space)
    pairs = zip(recipe.renditions, plan.renditions, strict=True)
    outputs: dict[str, Output] = {}
    with folder.together() as files:
        for rendition, planned in sorted(pairs, key=lambda pair: -pair[0].long_edge_px):
            size = (planned.width_px, planned.height_px)
            enter(Stage.RESIZE)
            clean = canvas.shrink(size)
            pixels = _finished(clean, rendition, recipe, enter, licence)
            enter(Stage.ENCODE)
            block = rendition_exif(exif, size, canvas.colour_space, private=recipe.private) if recipe.keep_exif else b""
            content = encode.encode(pixels, rendition, icc_profile=profile, exif=block)
            enter(Stage.STORE)
            path = f"{name}.{rendition.name}.{encode.EXTENSION[rendition.format]}"
            files.add(path, content)
            outputs[rendition.name] = Output(
                rendition=rendition.name, path=path, width_px=size[0], height_px=size[1], size_bytes=len(content)
            )
            del clean, pixels, content
    return tuple(outputs[rendition.name] for rendition in recipe.renditions)


def _finished(
    clean: Rgb8, rendition: Rendition, recipe: Recipe, enter: Callable[[Stage], None], licence: Licence
) -> Rgb8:
    """Filters and watermark, on a copy: the clean picture still feeds the smaller renditions."""
    pixels = clean
    steps = recipe.filters_of(rendition)
    if steps:
        enter(Stage.FILTERS)
        with licence(FILTER_LICENCE):
            pixels = filters.apply(clean, steps)
    mark = recipe.watermark
    if mark is not None and rendition.watermark:
        enter(Stage.WATERMARK)
        with licence(WATERMARK_LICENCE):
            if pixels is clean:
                pixels = clean.copy()
            watermark.stamp(pixels, mark)
    return pixels
