"""Filters: what they compute, and what becomes of custom ones that misbehave."""

from collections.abc import Iterator
from types import FunctionType

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from processor import filters
from processor.errors import ImageError, ReasonCode, Stage, UsageError
from processor.recipe import Blur, CustomFilter, Unsharp
from processor.types import Rgb8
from tests.processor.pictures import photo, psnr_db


@pytest.fixture(autouse=True)
def forget_custom_filters() -> Iterator[None]:
    known = dict(filters._registered)
    yield
    filters._registered.clear()
    filters._registered.update(known)


@pytest.fixture(scope="module")
def scene() -> Rgb8:
    return photo(801, 533)


@pytest.mark.parametrize("radius_px", [0.5, 1.0, 1.9, 2.0, 3.0, 4.0, 7.5, 20.0, 100.0])
def test_blur_is_a_gaussian_of_that_deviation(scene: Rgb8, radius_px: float) -> None:
    exact = cv2.GaussianBlur(scene.astype(np.float64), (0, 0), radius_px, borderType=cv2.BORDER_REPLICATE)
    assert psnr_db(filters.blur(scene, radius_px), exact.round().astype(np.uint8)) >= 47


@pytest.mark.parametrize(
    ("radius_px", "amount", "threshold"), [(1.0, 60, 0), (2.0, 120, 0), (1.5, 150, 3), (3.0, 80, 10)]
)
def test_unsharp_mask_looks_like_pillows(scene: Rgb8, radius_px: float, amount: int, threshold: int) -> None:
    theirs = Image.fromarray(scene).filter(ImageFilter.UnsharpMask(radius_px, amount, threshold))
    assert psnr_db(filters.unsharp(scene, radius_px, amount, threshold), np.asarray(theirs)) >= 42


def test_unsharp_mask_leaves_differences_up_to_the_threshold_alone() -> None:
    flat = np.full((60, 60, 3), 100, np.uint8)
    flat[:, 30:] = 104
    assert np.array_equal(filters.unsharp(flat, 2.0, 200, 4), flat)
    assert not np.array_equal(filters.unsharp(flat, 2.0, 200, 0), flat)


def test_filters_are_applied_in_their_order_and_leave_their_input_alone(scene: Rgb8) -> None:
    before = scene.copy()
    blur, sharpen = Blur(radius_px=2.0), Unsharp(radius_px=2.0, amount_percent=150)
    assert not np.array_equal(filters.apply(scene, [blur, sharpen]), filters.apply(scene, [sharpen, blur]))
    assert np.array_equal(scene, before)


def test_a_registered_filter_gets_its_parameters(scene: Rgb8) -> None:
    @filters.register("darker")
    def darker(pixels: Rgb8, by: int) -> Rgb8:
        return np.asarray(pixels // by, np.uint8)

    step = CustomFilter(name="darker", params={"by": 2})
    assert np.array_equal(filters.apply(scene, [step]), scene // 2)


def test_a_name_cannot_be_registered_twice() -> None:
    filters.register("mine")(lambda pixels: pixels)

    def other(pixels: Rgb8) -> Rgb8:
        return pixels

    with pytest.raises(UsageError, match="filter 'mine' is registered already"):
        filters.register("mine")(other)


def test_functions_of_one_name_in_two_files_cannot_share_a_filters_name() -> None:
    def mine(pixels: Rgb8) -> Rgb8:
        return pixels

    filters.register("mine")(mine)
    filters.register("mine")(mine)
    namesake = FunctionType(mine.__code__, {"__name__": "another_plugin"}, "mine")
    namesake.__qualname__ = mine.__qualname__
    with pytest.raises(UsageError, match="filter 'mine' is registered already"):
        filters.register("mine")(namesake)


def test_an_unregistered_filter_is_refused_with_the_names_that_there_are() -> None:
    filters.register("sepia")(lambda pixels: pixels)
    with pytest.raises(UsageError, match=r"filter 'sepa' is not registered; registered filters: .*sepia"):
        filters.check_registered([Blur(radius_px=1.0), CustomFilter(name="sepa")])


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        (lambda pixels: pixels[:5], r"returned uint8 \(5, 801, 3\); it has to return uint8 \(533, 801, 3\)"),
        (lambda pixels: pixels.astype(np.float32), "returned float32"),
        (lambda _: None, "returned NoneType"),
        (lambda _: 1 / 0, "raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_custom_filter_that_misbehaves_fails_its_image_alone(scene: Rgb8, returns: object, says: str) -> None:
    filters.register("broken")(returns)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=says) as error:
        filters.apply(scene, [CustomFilter(name="broken")])
    assert (error.value.reason, error.value.stage) == (ReasonCode.FILTER_FAILED, Stage.FILTERS)


def test_a_custom_filter_cannot_change_the_picture_that_other_renditions_are_made_of(scene: Rgb8) -> None:
    @filters.register("scribble")
    def scribble(pixels: Rgb8) -> Rgb8:
        pixels[:] = 0
        return pixels

    before = scene.copy()
    filters.apply(scene, [CustomFilter(name="scribble")])
    assert np.array_equal(scene, before)
