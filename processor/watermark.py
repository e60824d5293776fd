"""Fourth stage: a logo over the picture. Only the pixels below the logo are read or written."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from processor.errors import ImageError, ReasonCode, Stage
from processor.recipe import LOGO_FORMATS, Position, Watermark
from processor.types import Rgb8

_COLUMN = {
    Position.TOP_LEFT: 0.0, Position.LEFT: 0.0, Position.BOTTOM_LEFT: 0.0,
    Position.TOP: 0.5, Position.CENTRE: 0.5, Position.BOTTOM: 0.5,
    Position.TOP_RIGHT: 1.0, Position.RIGHT: 1.0, Position.BOTTOM_RIGHT: 1.0,
}  # fmt: skip
_ROW = {
    Position.TOP_LEFT: 0.0, Position.TOP: 0.0, Position.TOP_RIGHT: 0.0,
    Position.LEFT: 0.5, Position.CENTRE: 0.5, Position.RIGHT: 0.5,
    Position.BOTTOM_LEFT: 1.0, Position.BOTTOM: 1.0, Position.BOTTOM_RIGHT: 1.0,
}  # fmt: skip


def stamp(pixels: Rgb8, mark: Watermark) -> None:
    """Blends the logo into an H×W×3 uint8 picture, in place.

    The logo's long edge is `scale` × the picture's short edge, so that it looks alike on portrait and landscape.
    Where the logo is transparent the picture keeps its exact values.

    Raises:
        ImageError: the logo cannot be read any more.
    """
    height, width = pixels.shape[:2]
    short_edge = min(width, height)
    logo = _logo_at(mark.logo, _stamp_of(mark.logo), max(1, round(mark.scale * short_edge)), mark.opacity)
    gap = round(mark.margin * short_edge)
    for top, left in _places(mark.position, (height, width), logo.shape[:2], gap):
        _blend(pixels, logo, top, left)


def _places(position: Position, picture: tuple[int, int], logo: tuple[int, int], gap: int) -> list[tuple[int, int]]:
    """(top, left) of every copy of the logo."""
    if position is Position.TILE:
        return [
            (top, left)
            for top in range(gap, picture[0], logo[0] + max(1, gap))
            for left in range(gap, picture[1], logo[1] + max(1, gap))
        ]
    room = (max(0, picture[0] - logo[0] - 2 * gap), max(0, picture[1] - logo[1] - 2 * gap))
    return [(gap + round(_ROW[position] * room[0]), gap + round(_COLUMN[position] * room[1]))]


def _blend(pixels: Rgb8, logo: NDArray[np.uint8], top: int, left: int) -> None:
    region = pixels[top : top + logo.shape[0], left : left + logo.shape[1]]
    visible = logo[: region.shape[0], : region.shape[1]]
    colour = visible[..., :3].astype(np.uint16)
    alpha = visible[..., 3:].astype(np.uint16)
    # (x × 257 + 32 896) >> 16 is x / 255 rounded, exact for every x up to 255 × 255.
    mixed = colour * alpha + region * (255 - alpha)
    region[...] = ((mixed.astype(np.uint32) * 257 + 32_896) >> 16).astype(np.uint8)


def _stamp_of(logo: Path) -> int:
    try:
        return logo.stat().st_mtime_ns
    except OSError as error:
        message = f"logo {logo}: {error.strerror}; it was there when the batch began"
        raise ImageError(ReasonCode.UNREADABLE, message, stage=Stage.WATERMARK) from error


@lru_cache(maxsize=16)
def _logo_at(path: Path, _changed_ns: int, long_edge_px: int, opacity: float) -> NDArray[np.uint8]:
    """The logo as H×W×4 uint8 (straight alpha, opacity applied) at one size. A batch needs only a few sizes."""
    try:
        with Image.open(path, formats=LOGO_FORMATS) as image:
            rgba = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(ReasonCode.UNREADABLE, f"logo {path}: {error}", stage=Stage.WATERMARK) from error
    ratio = long_edge_px / max(rgba.size)
    size = (max(1, round(rgba.width * ratio)), max(1, round(rgba.height * ratio)))
    # Premultiplied while scaling: else the hidden colour of transparent pixels bleeds into the logo's edges.
    scaled = np.array(rgba.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA"))
    scaled[..., 3] = np.rint(scaled[..., 3] * opacity).astype(np.uint8)
    return scaled
