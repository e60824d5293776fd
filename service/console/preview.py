"""What a recipe makes of a small sample picture: the processor's own stages, in bounded time and memory.

The sample was decoded when it was made, so what is left of the work are resizing, filters, watermark and encoding.
"""

import functools
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from processor.errors import RecipeError
from processor.recipe import Format, Recipe, Rendition
from processor.types import ColourSpace, Rgb8
from service import recipes

SAMPLE = Path(__file__).parent / "pictures" / "sample.jpg"
DETAIL_PX = (720, 480)
MOST_LOGO_PX = 4096 * 4096
AT_ONCE = 2
"""Of one process; each takes a tenth of a second of a core."""
WAIT_S = 3.0
_places = threading.BoundedSemaphore(AT_ONCE)
_LOGO_FORMATS = ("PNG", "JPEG", "WEBP")


class Busy(Exception):  # noqa: N818 - a request to come back, not a failure
    """Others are being made and it would take too long to wait for them."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture to look at.

    Attributes:
        jpeg: the file.
        size_px: (width, height) of the whole rendition as it was made here, of which `jpeg` may be a part.
        long_edge_px: what the recipe asks for; more than the sample has is not made up.
    """

    jpeg: bytes
    size_px: tuple[int, int]
    long_edge_px: int


def develop(settings: Mapping[str, Any], *, rendition: str, detail: bool) -> Preview:
    """The sample by a recipe; with `detail` its middle, pixel by pixel.

    Raises:
        RecipeError: the recipe cannot be used, or has no such rendition.
        Busy: try again in a moment.
    """
    if not _places.acquire(timeout=WAIT_S):
        raise Busy
    try:
        with tempfile.TemporaryDirectory(prefix="rawmill-preview-") as folder:
            accepted = recipes.accept(settings)
            recipe = recipes.load(accepted.settings, folder=Path(folder))
            return _developed(recipe, rendition, detail=detail)
    finally:
        _places.release()


def _developed(recipe: Recipe, name: str, *, detail: bool) -> Preview:
    # Imported when first wanted: OpenCV costs every process of the task 40 MB, and most never draw a preview.
    import cv2  # noqa: PLC0415

    from processor import encode, filters, watermark  # noqa: PLC0415
    from processor.colour import icc_profile  # noqa: PLC0415
    from processor.resize import fitted, resize  # noqa: PLC0415

    cv2.setNumThreads(1)
    rendition = next((each for each in recipe.renditions if each.name == name), None)
    if rendition is None:
        raise RecipeError(f"recipe: renditions: there is none called {name[:40]!r}")
    if recipe.watermark is not None and rendition.watermark:
        _check_logo(recipe.watermark.logo)
    sample = _sample()
    size = fitted(sample.shape[1], sample.shape[0], rendition.long_edge_px)
    pixels = filters.apply(resize(sample, size), recipe.filters_of(rendition))
    if recipe.watermark is not None and rendition.watermark:
        pixels = pixels.copy()
        watermark.stamp(pixels, recipe.watermark)
    if detail:
        pixels = _middle(pixels)
    shown = Rendition(name="preview", long_edge_px=16, format=Format.JPEG, quality=min(rendition.quality, 92))
    jpeg = encode.encode(pixels, shown, icc_profile=icc_profile(ColourSpace.SRGB), exif=b"")
    return Preview(jpeg=jpeg, size_px=size, long_edge_px=rendition.long_edge_px)


@functools.cache
def _sample() -> Rgb8:
    """The sample's pixels; `make pictures` draws it."""
    with Image.open(SAMPLE) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    pixels.flags.writeable = False
    return pixels


def _middle(pixels: Rgb8) -> Rgb8:
    height, width = pixels.shape[:2]
    wide, high = min(width, DETAIL_PX[0]), min(height, DETAIL_PX[1])
    left, top = (width - wide) // 2, (height - high) // 2
    return np.ascontiguousarray(pixels[top : top + high, left : left + wide])


def _check_logo(logo: Path) -> None:
    """Looks at the header before anything of its size is made."""
    try:
        with Image.open(logo, formats=_LOGO_FORMATS) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RecipeError(f"recipe: watermark.logo: not a picture ({type(error).__name__})") from None
    if width * height > MOST_LOGO_PX:
        raise RecipeError(f"recipe: watermark.logo: {width} x {height} px; a logo has at most {MOST_LOGO_PX} pixels")
