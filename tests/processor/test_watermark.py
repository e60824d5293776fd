"""The watermark: where it stands, how large it is, and that nothing else is touched."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from processor.errors import ImageError, ReasonCode
from processor.recipe import Position, Watermark
from processor.types import Rgb8
from processor.watermark import stamp
from tests.processor.pictures import photo


@pytest.fixture(scope="module")
def scene() -> Rgb8:
    return photo(300, 200)


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    """40×20, red, its left half transparent."""
    image = Image.new("RGBA", (40, 20), (255, 0, 0, 255))
    image.paste((0, 255, 0, 0), (0, 0, 20, 20))
    image.save(tmp_path / "logo.png")
    return tmp_path / "logo.png"


def stamped(scene: Rgb8, mark: Watermark) -> Rgb8:
    result = scene.copy()
    stamp(result, mark)
    return result


def box_of_change(before: Rgb8, after: Rgb8) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of all pixels that differ."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("position", "left_top"),
    [
        (Position.TOP_LEFT, (10, 10)),
        (Position.TOP, (130, 10)),
        (Position.TOP_RIGHT, (250, 10)),
        (Position.LEFT, (10, 90)),
        (Position.CENTRE, (130, 90)),
        (Position.RIGHT, (250, 90)),
        (Position.BOTTOM_LEFT, (10, 170)),
        (Position.BOTTOM, (130, 170)),
        (Position.BOTTOM_RIGHT, (250, 170)),
    ],
)
def test_only_the_pixels_below_the_logo_change(
    scene: Rgb8, logo: Path, position: Position, left_top: tuple[int, int]
) -> None:
    mark = Watermark(logo=logo, position=position, scale=0.2, margin=0.05, opacity=1.0)
    left, top, right, bottom = box_of_change(scene, stamped(scene, mark))
    # 20 % of the short edge of 200 px is a logo of 40×20, of which the left half shows nothing (a pixel of slack
    # where the scaling rings across the hard edge).
    assert left >= left_top[0] + 18
    assert (top, right, bottom) == (left_top[1], left_top[0] + 40, left_top[1] + 20)


def test_a_logo_looks_alike_on_landscape_and_portrait(scene: Rgb8, logo: Path) -> None:
    mark = Watermark(logo=logo, position=Position.CENTRE, scale=0.4, opacity=1.0)
    portrait = np.ascontiguousarray(scene.transpose(1, 0, 2))
    landscape_box = box_of_change(scene, stamped(scene, mark))
    portrait_box = box_of_change(portrait, stamped(portrait, mark))
    assert landscape_box[2] - landscape_box[0] == portrait_box[2] - portrait_box[0]


def test_opacity_blends_between_picture_and_logo(scene: Rgb8, logo: Path) -> None:
    mark = Watermark(logo=logo, position=Position.CENTRE, scale=0.2, opacity=0.5)
    inside = np.s_[95:105, 155:165]
    expected = scene[inside] / 2 + np.array([127.5, 0, 0])
    assert np.abs(stamped(scene, mark)[inside] - expected).max() <= 1.5


def test_zero_opacity_changes_nothing(scene: Rgb8, logo: Path) -> None:
    assert np.array_equal(stamped(scene, Watermark(logo=logo, opacity=0.0)), scene)


def test_tiles_cover_the_whole_picture(scene: Rgb8, logo: Path) -> None:
    mark = Watermark(logo=logo, position=Position.TILE, scale=0.2, margin=0.1, opacity=1.0)
    changed = (stamped(scene, mark) != scene).any(axis=2)
    assert all(quarter.any() for half in np.array_split(changed, 2) for quarter in np.array_split(half, 2, axis=1))
    assert changed.mean() < 0.5


def test_a_logo_without_alpha_is_opaque(scene: Rgb8, tmp_path: Path) -> None:
    Image.new("RGB", (10, 10), (1, 2, 3)).save(tmp_path / "logo.jpg", quality=100)
    result = stamped(scene, Watermark(logo=tmp_path / "logo.jpg", position=Position.CENTRE, scale=0.2, opacity=1.0))
    assert np.abs(result[95:105, 145:155].astype(int) - [1, 2, 3]).max() <= 3


@pytest.mark.parametrize("size", [(4, 400), (400, 4), (1, 1)])
def test_a_logo_of_any_shape_fits_into_a_tiny_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGBA", size, "white").save(tmp_path / "logo.png")
    tiny = np.zeros((16, 24, 3), np.uint8)
    for position in Position:
        stamp(tiny, Watermark(logo=tmp_path / "logo.png", position=position, scale=1.0, margin=0.5))


def test_a_logo_that_vanishes_during_the_batch_is_named(scene: Rgb8, logo: Path) -> None:
    logo.unlink()
    with pytest.raises(ImageError, match=r"logo .*logo\.png: No such file") as error:
        stamp(scene.copy(), Watermark(logo=logo))
    assert error.value.reason is ReasonCode.UNREADABLE
