"""The planner: the cheapest decode that meets the tier, sizes as they will be, and what it will cost."""

from dataclasses import replace

import pytest

from processor.header import ImageHeader
from processor.plan import make_plan
from processor.recipe import Recipe, Rendition
from processor.recipe_io import preset
from processor.types import DecodePath, Tier

HEADER = ImageHeader(
    size_bytes=91_000_000,
    width_px=8256,
    height_px=5504,
    raw_width_px=8256,
    raw_height_px=5504,
    orientation=1,
    pixel_aspect=1.0,
    bayer=(0, 1, 1, 2),
    preview_px=(1620, 1080),
    fast_unpack="uncompressed",
    make="Maker",
    model="Model",
)
SMALL = replace(HEADER, width_px=6000, height_px=4000, raw_width_px=6000, raw_height_px=4000)
XTRANS = replace(HEADER, bayer=None, fast_unpack=None)


def recipe(tier: Tier, long_edge_px: int = 3840) -> Recipe:
    return Recipe(tier=tier, renditions=(Rendition(name="r", long_edge_px=long_edge_px),))


@pytest.mark.parametrize(
    ("header", "tier", "long_edge_px", "path"),
    [
        (HEADER, Tier.BEST, 320, DecodePath.AHD),
        (HEADER, Tier.STANDARD, 3840, DecodePath.HALF),
        (HEADER, Tier.STANDARD, 4128, DecodePath.HALF),
        (HEADER, Tier.STANDARD, 4129, DecodePath.FULL),
        (SMALL, Tier.STANDARD, 3840, DecodePath.FULL),
        (SMALL, Tier.STANDARD, 3000, DecodePath.HALF),
        (XTRANS, Tier.STANDARD, 320, DecodePath.PPG),
        (HEADER, Tier.FAST, 1620, DecodePath.PREVIEW),
        (HEADER, Tier.FAST, 1621, DecodePath.HALF),
        (XTRANS, Tier.FAST, 1621, DecodePath.LIBRAW_HALF),
        (replace(HEADER, preview_px=None), Tier.FAST, 320, DecodePath.HALF),
        (replace(HEADER, preview_px=(1620, 1215)), Tier.FAST, 320, DecodePath.HALF),
    ],
)
def test_the_cheapest_decode_that_meets_the_tier_is_chosen(
    header: ImageHeader, tier: Tier, long_edge_px: int, path: DecodePath
) -> None:
    assert make_plan(header, recipe(tier, long_edge_px)).decode_path is path


def test_a_rendition_larger_than_the_sensor_asks_for_the_whole_sensor_and_no_more() -> None:
    plan = make_plan(SMALL, recipe(Tier.STANDARD, 16384))
    assert plan.decode_path is DecodePath.FULL
    assert (plan.renditions[0].width_px, plan.renditions[0].height_px) == (6000, 4000)


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (1920, 1280)), (3, (1920, 1280)), (6, (1280, 1920)), (8, (1280, 1920))]
)
def test_sizes_are_those_of_the_upright_picture(orientation: int, size: tuple[int, int]) -> None:
    planned = make_plan(replace(HEADER, orientation=orientation), preset("default")).renditions[1]
    assert (planned.width_px, planned.height_px) == size


def test_a_dearer_decode_is_predicted_to_take_longer_and_more_memory() -> None:
    plans = [make_plan(HEADER, recipe(tier)) for tier in (Tier.STANDARD, Tier.BEST)]
    assert plans[0].predicted_s < plans[1].predicted_s
    assert plans[0].predicted_memory_bytes < plans[1].predicted_memory_bytes


def test_every_plan_says_why() -> None:
    assert all(make_plan(header, recipe(tier)).why for header in (HEADER, SMALL, XTRANS) for tier in Tier)
