"""What one image costs: processor seconds and memory, from rates measured for each decode path and stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.header import ImageHeader
from processor.recipe import Blur, Format, Recipe, Unsharp
from processor.types import DecodePath

BASELINE_BYTES = 190 * 1024 * 1024
"""Interpreter, numpy, OpenCV, LibRaw and the compiled kernels of one worker process, and what the heap keeps."""

RENDITION_BYTES_PER_PX = 12
"""A rendition, its filtered copy, the blurred one between and the encoder's buffer, each with three bytes a pixel."""

HASH_S_PER_GB = 0.3


@dataclass(frozen=True, slots=True)
class _Rate:
    """Cost per megapixel of the sensor: unpacking and demosaicing seconds, peak bytes per pixel."""

    seconds_per_mp: float
    bytes_per_px: float


_DECODE = {
    DecodePath.PREVIEW: _Rate(0.0006, 0.7),
    DecodePath.HALF: _Rate(0.0022, 3.0),
    DecodePath.LIBRAW_HALF: _Rate(0.011, 5.0),
    DecodePath.FULL: _Rate(0.004, 5.2),
    DecodePath.PPG: _Rate(0.040, 13.2),
    DecodePath.AHD: _Rate(0.097, 13.2),
}
_UNPACK_S_PER_MP = {"uncompressed": 0.0005, "lossless-jpeg": 0.010, None: 0.030}
_ENCODE_S_PER_MP = {Format.JPEG: 0.005, Format.PNG: 0.095, Format.WEBP: 0.15, Format.AVIF: 0.5}
_RESIZE_S_PER_MP = 0.004
_FILTER_S_PER_MP = 0.006


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRendition:
    """One rendition with the size (upright, in pixels) that it will have."""

    name: str
    width_px: int
    height_px: int
    format: Format

    @property
    def megapixels(self) -> float:
        """Its area."""
        return self.width_px * self.height_px / 1e6


def predicted_s(
    header: ImageHeader, path: DecodePath, decoded_px: int, recipe: Recipe, renditions: Sequence[PlannedRendition]
) -> float:
    """CPU seconds on one core of about 3 GHz; other machines are within a factor of two or so.

    Args:
        header: of the original.
        path: how it will be decoded.
        decoded_px: number of pixels that the decode gives.
        recipe, renditions: what will be made.
    """
    sensor_mp = header.pixels / 1e6
    unpack = 0.0 if path is DecodePath.PREVIEW else sensor_mp * _UNPACK_S_PER_MP.get(header.fast_unpack, 0.03)
    seconds = header.size_bytes / 1e9 * HASH_S_PER_GB + unpack + sensor_mp * _DECODE[path].seconds_per_mp
    seconds += decoded_px / 1e6 * _RESIZE_S_PER_MP
    for rendition, planned in zip(recipe.renditions, renditions, strict=True):
        steps = sum(isinstance(step, Blur | Unsharp) for step in recipe.filters_of(rendition))
        seconds += planned.megapixels * (steps * _FILTER_S_PER_MP + _ENCODE_S_PER_MP[planned.format])
    return seconds


def predicted_memory_bytes(header: ImageHeader, path: DecodePath, renditions: Sequence[PlannedRendition]) -> int:
    """Peak resident memory of the worker process. The original is let go before its renditions are made."""
    decoding = header.pixels * _DECODE[path].bytes_per_px
    rendering = max(rendition.megapixels for rendition in renditions) * 1e6 * RENDITION_BYTES_PER_PX
    return BASELINE_BYTES + round(max(decoding, rendering))
