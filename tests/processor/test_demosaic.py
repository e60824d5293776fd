"""Our demosaicing kernels against the scene, against LibRaw, and against plain arithmetic."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from processor import demosaic
from processor.decode import decode
from processor.limits import Limits
from processor.original import open_original
from processor.sample.maker import BAYER_PATTERNS
from processor.types import ColourSpace, DecodePath, Rgb8
from tests.processor.conftest import MakeDng, Sample

_PATTERNS = [(0, 1, 3, 2), (1, 0, 2, 3), (1, 2, 0, 3), (2, 1, 3, 0)]
_KERNELS = {"half": demosaic.half_size, "full": demosaic.full_size}
_BLACK, _WHITE = 500, 16000


def _srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(light, 0, 1)
    return 255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055)


def _mosaic(colours: NDArray[np.float64], pattern: tuple[int, int, int, int]) -> NDArray[np.uint16]:
    """Linear colours, height × width × 3, seen through a filter array."""
    out = np.empty(colours.shape[:2])
    for site, colour in enumerate(pattern):
        y, x = divmod(site, 2)
        out[y::2, x::2] = colours[y::2, x::2, 1 if colour == 3 else colour]
    return np.rint(_BLACK + out * (_WHITE - _BLACK)).astype(np.uint16)


def _develop(
    kernel: str,
    values: NDArray[np.uint16],
    pattern: tuple[int, int, int, int],
    *,
    window: tuple[int, int, int, int] | None = None,
    balance: tuple[float, float, float] = (1, 1, 1),
    matrix: NDArray[np.float64] | None = None,
    let_go: Callable[[int, int], None] = lambda _first, _last: None,
) -> Rgb8:
    scale = np.array([*balance, balance[1]], np.float32) / np.float32(_WHITE - _BLACK)
    return _KERNELS[kernel](
        values,
        window=window or (0, 0, *values.shape),
        pattern=pattern,
        black=np.full(4, _BLACK, np.float32),
        scale=scale,
        matrix=np.eye(3) if matrix is None else matrix,
        let_go=let_go,
    )


def _psnr(one: Rgb8, other: Rgb8) -> float:
    error = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / error))


def _fit(pixels: Rgb8, width: int) -> Rgb8:
    height = round(pixels.shape[0] * width / pixels.shape[1])
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def _decoded(sample: Sample, path: DecodePath) -> Rgb8:
    with open_original(sample.path, limits=Limits()) as original:
        return np.array(decode(original, path, ColourSpace.SRGB).pixels)


@pytest.mark.parametrize("kernel", _KERNELS)
@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 9), (13, 17), (40, 64)])
def test_a_plain_colour_comes_out_everywhere_borders_included(
    kernel: str, pattern: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    colour = np.array([0.2, 0.5, 0.05])
    pixels = _develop(kernel, _mosaic(np.broadcast_to(colour, (*size, 3)), pattern), pattern)
    expected = size if kernel == "full" else (size[0] // 2, size[1] // 2)
    assert pixels.shape == (*expected, 3)
    assert np.abs(pixels - _srgb(colour)).max() <= 1.0


@pytest.mark.parametrize("kernel", _KERNELS)
def test_every_grey_is_encoded_to_the_nearest_level(kernel: str) -> None:
    grey = np.repeat(np.repeat(np.linspace(0, 1, 1024).reshape(32, 32), 8, axis=0), 8, axis=1)
    pixels = _develop(kernel, _mosaic(np.repeat(grey[..., None], 3, axis=2), (0, 1, 3, 2)), (0, 1, 3, 2))
    step = 4 if kernel == "half" else 8
    centres = pixels[step // 2 :: step, step // 2 :: step]
    exact = _srgb(np.linspace(0, 1, 1024).reshape(32, 32))
    assert np.abs(centres - exact[..., None]).max() <= 0.56, "more than rounding and the polynomial's error"


@pytest.mark.parametrize("kernel", _KERNELS)
@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
def test_a_slope_stays_in_phase_in_every_pattern(
    kernel: str, pattern: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    # Each colour has a slope of its own: on a grey one the differences to green vanish, and where they lie cannot show.
    light = np.stack([0.2 + 0.5 * x + 0.1 * y, 0.5 - 0.1 * x + 0.2 * y, 0.6 - 0.2 * x - 0.3 * y], axis=-1)
    pixels = _develop(kernel, _mosaic(light, pattern), pattern)
    if kernel == "half":
        rows, columns = size[0] // 2, size[1] // 2
        light = light[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))
    error = pixels - _srgb(light)
    assert np.abs(error[2:-2, 2:-2]).max() <= 1.0, "a colour is shifted against the picture"
    assert np.abs(error).max() <= 3.0, "a border departs from the picture"


@pytest.mark.parametrize("kernel", _KERNELS)
def test_a_window_with_odd_margins_gives_what_the_cut_out_mosaic_gives(kernel: str) -> None:
    values = np.random.default_rng(3).integers(_BLACK, _WHITE, (60, 80), dtype=np.uint16)
    for top, left, pattern in ((3, 4, (0, 1, 3, 2)), (2, 5, (1, 2, 0, 3)), (7, 1, (2, 1, 3, 0))):
        window = (top, left, 41, 63)
        cut = np.ascontiguousarray(values[top : top + 41, left : left + 63])
        whole = _develop(kernel, values, pattern, window=window)
        np.testing.assert_array_equal(whole, _develop(kernel, cut, pattern))


@pytest.mark.parametrize("pattern", _PATTERNS)
@pytest.mark.parametrize("rows", [1, 2, 7, 29, 1000])
def test_bands_leave_no_trace_and_let_go_of_every_line_once(
    pattern: tuple[int, int, int, int], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = _mosaic(np.random.default_rng(3).random((61, 40, 3)), pattern)
    whole = _develop("half", values, pattern, window=(1, 2, 60, 38))
    monkeypatch.setattr(demosaic, "BAND_ROWS", rows)
    gone: list[int] = []
    in_bands = _develop(
        "half",
        values,
        pattern,
        window=(1, 2, 60, 38),
        let_go=lambda first, last: gone.extend(range(first, last)),
    )
    assert np.array_equal(in_bands, whole)
    assert sorted(gone) == list(range(1, 61))


def test_lines_that_were_let_go_too_early_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demosaic, "BAND_ROWS", 4)
    for pattern in _PATTERNS:
        values = _mosaic(np.random.default_rng(4).random((64, 40, 3)), pattern)
        whole = _develop("half", values, pattern)

        def spoil(first: int, last: int, values: NDArray[np.uint16] = values) -> None:
            values[first:last] = 0

        assert np.array_equal(_develop("half", values, pattern, let_go=spoil), whole)


@pytest.mark.parametrize("kernel", _KERNELS)
def test_blown_highlights_are_neutral(kernel: str) -> None:
    values = np.full((32, 32), _WHITE, np.uint16)
    matrix = np.array([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.6, 1.6]])
    pixels = _develop(kernel, values, (0, 1, 3, 2), balance=(2.0, 1.0, 1.5), matrix=matrix)
    assert pixels.min() == 255


@pytest.mark.parametrize("kernel", _KERNELS)
def test_values_below_black_are_black(kernel: str) -> None:
    pixels = _develop(kernel, np.zeros((32, 32), np.uint16), (0, 1, 3, 2))
    assert pixels.max() == 0


@pytest.mark.parametrize("kernel", _KERNELS)
def test_a_window_outside_the_mosaic_is_refused(kernel: str) -> None:
    with pytest.raises(ValueError, match="must lie within"):
        _develop(kernel, np.zeros((32, 32), np.uint16), (0, 1, 3, 2), window=(1, 0, 32, 32))


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_full_size_is_as_near_to_the_scene_as_libraws_ahd(
    make_dng: MakeDng, pattern: tuple[int, int, int, int]
) -> None:
    sample = make_dng(width_px=768, height_px=512, pattern=pattern)
    scene = sample.truth.render()
    ours, ahd = _decoded(sample, DecodePath.FULL), _decoded(sample, DecodePath.AHD)
    assert ours.shape == ahd.shape == scene.shape
    assert _psnr(ours, scene) >= _psnr(ahd, scene) - 0.5


def test_full_size_agrees_with_ahd(sample_6mp: Sample) -> None:
    assert _psnr(_decoded(sample_6mp, DecodePath.FULL), _decoded(sample_6mp, DecodePath.AHD)) >= 40.0


def test_half_size_agrees_with_ahd_and_libraws_half_size_does_not(sample_6mp: Sample) -> None:
    ahd = _fit(_decoded(sample_6mp, DecodePath.AHD), 1400)
    ours = _psnr(_fit(_decoded(sample_6mp, DecodePath.HALF), 1400), ahd)
    theirs = _psnr(_fit(_decoded(sample_6mp, DecodePath.LIBRAW_HALF), 1400), ahd)
    assert ours >= 38.0
    assert ours >= theirs + 5.0
