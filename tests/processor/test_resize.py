"""Resizing: sizes, quality against Pillow's Lanczos, orientation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from processor import resize as stage
from processor.resize import fitted, resize, upright
from tests.processor.pictures import photo, psnr_db


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_fitted_size_keeps_the_shape_and_is_never_larger(width: int, height: int, long_edge: int) -> None:
    new_width, new_height = fitted(width, height, long_edge)
    assert max(new_width, new_height) == min(long_edge, max(width, height))
    assert 1 <= new_width <= width
    assert 1 <= new_height <= height
    assert abs(new_width * height - new_height * width) <= max(width, height)


@pytest.mark.parametrize(("size", "least_db"), [((700, 466), 52), ((300, 200), 52), ((64, 43), 50), ((1000, 667), 38)])
def test_a_smaller_picture_is_the_one_that_pillows_lanczos_makes(size: tuple[int, int], least_db: float) -> None:
    scene = photo(1100, 733)
    expected = np.asarray(Image.fromarray(scene).resize(size, Image.Resampling.LANCZOS))
    result = resize(scene, size)
    assert result.shape == (size[1], size[0], 3)
    assert psnr_db(result, expected) >= least_db


def test_where_the_fast_resizer_has_no_wheel_pillow_makes_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = photo(1100, 733)
    fast = resize(scene, (300, 200))
    monkeypatch.setattr(stage, "simd", None)
    slow = resize(scene, (300, 200))
    assert slow.dtype == np.uint8
    assert slow.shape == fast.shape
    assert psnr_db(slow, fast) >= 52
    assert slow.flags.c_contiguous
    assert slow.flags.writeable, "a watermark is drawn into it"


def test_bands_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = photo(900, 700)
    in_bands = []
    for rows in (16, 77, 100_000):
        monkeypatch.setattr(stage, "BAND_ROWS", rows)
        in_bands.append(resize(scene, (511, 397)))
    assert np.array_equal(in_bands[0], in_bands[2])
    assert np.array_equal(in_bands[1], in_bands[2])


def test_the_same_size_is_the_picture_itself() -> None:
    scene = photo(64, 48)
    assert resize(scene, (64, 48)) is scene


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_as_the_exif_standard_says(orientation: int) -> None:
    scene = photo(90, 60)
    tagged = Image.fromarray(scene)
    tagged.getexif()[0x0112] = orientation
    assert np.array_equal(upright(scene, orientation), np.asarray(ImageOps.exif_transpose(tagged)))


def test_a_picture_that_is_no_contiguous_array_is_resized_alike() -> None:
    scene = photo(400, 300)
    assert np.array_equal(resize(scene[:, ::-1], (100, 75)), resize(np.ascontiguousarray(scene[:, ::-1]), (100, 75)))
