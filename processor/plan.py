"""Chooses the cheapest decode that meets the quality tier, from the header alone, and predicts what it will cost."""

from dataclasses import dataclass

from processor.cost import PlannedRendition, predicted_memory_bytes, predicted_s
from processor.decode import available_paths, developed_size
from processor.header import ImageHeader
from processor.preview import shows_whole
from processor.recipe import Recipe
from processor.resize import fitted
from processor.types import SIDEWAYS, DecodePath, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one original will be developed.

    Attributes:
        decode_path: the decode that feeds every rendition.
        why: the reason for it, for `--dry-run`.
        renditions: in the recipe's order.
        predicted_s: CPU seconds on one core of about 3 GHz, from measured rates; within a factor of two elsewhere.
        predicted_memory_bytes: most memory of the worker process while it develops this image.
    """

    decode_path: DecodePath
    why: str
    renditions: tuple[PlannedRendition, ...]
    predicted_s: float
    predicted_memory_bytes: int


def make_plan(header: ImageHeader, recipe: Recipe) -> Plan:
    """The plan for one original."""
    decode_path, why = _choose(header, recipe)
    available = _decoded_size(header, decode_path)
    renditions = tuple(
        PlannedRendition(name=rendition.name, width_px=width, height_px=height, format=rendition.format)
        for rendition in recipe.renditions
        for width, height in [_upright(fitted(*available, rendition.long_edge_px), header.orientation)]
    )
    return Plan(
        decode_path=decode_path,
        why=why,
        renditions=renditions,
        predicted_s=predicted_s(header, decode_path, available[0] * available[1], recipe, renditions),
        predicted_memory_bytes=predicted_memory_bytes(header, decode_path, renditions),
    )


def _choose(header: ImageHeader, recipe: Recipe) -> tuple[DecodePath, str]:
    available = available_paths(header)
    full_edge = max(developed_size(header))
    wanted = min(recipe.longest_edge_px, full_edge)
    half_edge = full_edge // 2
    if recipe.tier is Tier.BEST:
        return DecodePath.AHD, "tier best"
    if recipe.tier is Tier.FAST:
        if _preview_serves(header, wanted):
            return (
                DecodePath.PREVIEW,
                f"the embedded preview is large enough for {wanted} px",
            )
        half = DecodePath.HALF if DecodePath.HALF in available else DecodePath.LIBRAW_HALF
        return half, f"tier fast: no embedded preview of {wanted} px; renditions end at {half_edge} px"
    if DecodePath.HALF in available and half_edge >= wanted:
        return DecodePath.HALF, f"every rendition fits in half the sensor ({half_edge} px)"
    if DecodePath.FULL in available:
        return DecodePath.FULL, f"half the sensor ({half_edge} px) is less than {wanted} px"
    return DecodePath.PPG, "a mosaic that only LibRaw knows"


def _preview_serves(header: ImageHeader, wanted: int) -> bool:
    """Whether the embedded preview is large enough, and not cropped: another shape is another picture."""
    return (
        header.preview_px is not None
        and max(header.preview_px) >= wanted
        and shows_whole(header.preview_px, *developed_size(header))
    )


def _decoded_size(header: ImageHeader, decode_path: DecodePath) -> tuple[int, int]:
    if decode_path is DecodePath.PREVIEW and header.preview_px is not None:
        return header.preview_px
    width, height = developed_size(header)
    if decode_path in {DecodePath.HALF, DecodePath.LIBRAW_HALF}:
        return width // 2, height // 2
    return width, height


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (size[1], size[0]) if orientation in SIDEWAYS else size
