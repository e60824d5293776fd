"""The decode stage: every path gives the picture LibRaw gives, in the shape and orientation it promises."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rawpy
from numpy.typing import NDArray
from PIL import Image, ImageCms

from processor.colour import icc_profile
from processor.decode import available_paths, decode, developed_size
from processor.errors import ImageError, ReasonCode, Stage
from processor.limits import Limits
from processor.original import Original, open_original
from processor.preview import decode_preview
from processor.sample.tiff import Type
from processor.types import ColourSpace, DecodePath, Rgb8
from tests.processor import dng_files as dng
from tests.processor.conftest import MakeDng, Sample

_OURS = (DecodePath.HALF, DecodePath.FULL)


def _open(path: Path) -> Original:
    return open_original(path, limits=Limits())


def _camera_files() -> list[Path]:
    folder = os.environ.get("RAWMILL_CAMERA_RAWS")
    return sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in {".kdc", ".crw"}) if folder else []


def _lab(pixels: Rgb8) -> NDArray[np.float64]:
    """CIE L*a*b* (D50) of sRGB pixels, blurred by averaging 8×8 blocks so that detail does not count as colour."""
    height, width = pixels.shape[0] // 8 * 8, pixels.shape[1] // 8 * 8
    x = pixels[:height, :width].astype(np.float64) / 255
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    light = light.reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3))
    xyz = light @ np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]]).T
    ratio = xyz / np.array([0.9642, 1.0, 0.8249])
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def _delta_e_2000(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIEDE2000 (CIE 142-2001; Sharma, Wu and Dalal, 2005)."""
    l1, a1, b1 = np.moveaxis(one, -1, 0)
    l2, a2, b2 = np.moveaxis(other, -1, 0)
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + 180) % 360 - 180)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = np.where(grey, h1 + h2, np.where(np.abs(h1 - h2) <= 180, (h1 + h2) / 2, ((h1 + h2 + 360) / 2) % 360))
    cosines = ((0.17, 1, 30), (-0.24, 2, 0), (-0.32, 3, -6), (0.20, 4, 63))
    t = 1 - sum(k * np.cos(np.radians(n * hm - p)) for k, n, p in cosines)
    sl = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    rc = 2 * np.sqrt(cm**7 / (cm**7 + 25.0**7))
    rt = -rc * np.sin(np.radians(60 * np.exp(-(((hm - 275) / 25) ** 2))))
    squares = (dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)
    difference: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
    return difference


def _halved(pixels: Rgb8) -> Rgb8:
    height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
    x = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).astype(np.float64) / 255
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).mean(axis=(1, 3))
    level = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    halved: Rgb8 = np.rint(level).astype(np.uint8)
    return halved


def _colour_difference(original: Original, path: DecodePath) -> float:
    ours = decode(original, path, ColourSpace.SRGB).pixels
    libraw = decode(original, DecodePath.AHD, ColourSpace.SRGB).pixels
    return float(_delta_e_2000(_lab(ours), _lab(_halved(libraw) if path is DecodePath.HALF else libraw)).mean())


def test_colour_difference_formula_gives_published_values() -> None:
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    for one, other, published in pairs:
        assert _delta_e_2000(np.array(one, float), np.array(other, float)) == pytest.approx(published, abs=1e-3)


@pytest.mark.parametrize("path", _OURS)
@pytest.mark.parametrize("pattern", [(0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)])
def test_our_kernels_give_libraws_colours(
    make_dng: MakeDng, path: DecodePath, pattern: tuple[int, int, int, int]
) -> None:
    with _open(make_dng(width_px=768, height_px=512, pattern=pattern).path) as original:
        assert _colour_difference(original, path) <= 0.5


@pytest.mark.camera
@pytest.mark.parametrize("path", _OURS)
@pytest.mark.parametrize("file", _camera_files(), ids=lambda p: p.name)
def test_camera_files_come_out_in_libraws_colours(file: Path, path: DecodePath) -> None:
    with _open(file) as original:
        if path not in available_paths(original.header):
            pytest.skip("not for our kernels")
        assert _colour_difference(original, path) <= 1.0


@pytest.mark.camera
@pytest.mark.parametrize("file", _camera_files(), ids=lambda p: p.name)
def test_every_path_of_a_camera_file_has_the_promised_shape(file: Path) -> None:
    with _open(file) as original:
        width, height = developed_size(original.header)
        for path in available_paths(original.header) - {DecodePath.PREVIEW}:
            frame = decode(original, path, ColourSpace.SRGB)
            halves = path in {DecodePath.HALF, DecodePath.LIBRAW_HALF}
            assert frame.full_size_px == (width, height)
            assert frame.pixels.shape[1] / frame.pixels.shape[0] == pytest.approx(width / height, rel=0.01)
            assert abs(frame.pixels.shape[1] - width / (2 if halves else 1)) <= 1


def test_highlights_that_libraw_clips_to_white_are_white(tmp_path: Path) -> None:
    values = dng.mosaic(64, 96)
    values[16:48, 24:72] = dng.WHITE
    path = dng.write_dng(tmp_path / "a.dng", values)
    with _open(path) as original:
        for ours in _OURS:
            pixels = decode(original, ours, ColourSpace.SRGB).pixels
            middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
            assert middle.tolist() == [255, 255, 255]


@pytest.mark.parametrize("path", [DecodePath.HALF, DecodePath.FULL, DecodePath.AHD])
def test_display_p3_and_srgb_show_the_same_colours(sample_dng: Sample, path: DecodePath) -> None:
    with _open(sample_dng.path) as original:
        srgb = decode(original, path, ColourSpace.SRGB).pixels
        p3 = decode(original, path, ColourSpace.DISPLAY_P3).pixels
    assert np.abs(srgb.astype(int) - p3).max() > 3, "P3 pixels must not be sRGB pixels"
    profiles = [ImageCms.ImageCmsProfile(BytesIO(icc_profile(s))) for s in (ColourSpace.DISPLAY_P3, ColourSpace.SRGB)]
    back = ImageCms.profileToProfile(Image.fromarray(p3), profiles[0], profiles[1])
    assert back is not None
    inside = np.all((srgb > 5) & (srgb < 250), axis=2)
    assert np.abs(np.asarray(back, np.int16) - srgb)[inside].mean() < 1.0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_stay_as_the_sensor_saw_them_and_the_frame_tells_how_to_turn(
    make_dng: MakeDng, orientation: int
) -> None:
    sample = make_dng(orientation=orientation)
    with _open(sample.path) as original:
        header = original.header
        assert header.orientation == orientation
        for path in available_paths(header):
            frame = decode(original, path, ColourSpace.SRGB)
            assert frame.orientation == orientation
            assert frame.full_size_px == (header.width_px, header.height_px)
            small = Image.fromarray(frame.pixels).resize((48, 32), Image.Resampling.BOX)
            truth = Image.fromarray(sample.truth.render()).resize((48, 32), Image.Resampling.BOX)
            assert np.abs(np.asarray(small, float) - np.asarray(truth, float)).mean() < 12, path


def test_developing_at_half_size_by_libraw_leaves_the_original_as_it_was(make_dng: MakeDng) -> None:
    with _open(make_dng().path) as original:
        before = [decode(original, path, ColourSpace.SRGB).pixels for path in _OURS]
        decode(original, DecodePath.LIBRAW_HALF, ColourSpace.SRGB)
        for path, pixels in zip(_OURS, before, strict=True):
            np.testing.assert_array_equal(decode(original, path, ColourSpace.SRGB).pixels, pixels)


class _WithPreview:
    """Stands for an opened file whose preview is a 96 × 64 JPEG with an EXIF orientation of its own."""

    def extract_thumb(self) -> rawpy.Thumbnail:
        exif = Image.Exif()
        exif[274] = 6
        data = BytesIO()
        Image.new("RGB", (96, 64)).save(data, "JPEG", exif=exif)
        return rawpy.Thumbnail(rawpy.ThumbFormat.JPEG, data.getvalue())


def test_a_previews_own_orientation_is_not_applied() -> None:
    pixels = decode_preview(_WithPreview())
    assert pixels is not None
    assert pixels.shape == (64, 96, 3)


def test_odd_sizes_keep_every_pixel_at_full_size(tmp_path: Path) -> None:
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(67, 101))
    with _open(path) as original:
        shapes = {p: decode(original, p, ColourSpace.SRGB).pixels.shape for p in (*_OURS, DecodePath.AHD)}
    assert shapes[DecodePath.FULL] == shapes[DecodePath.AHD] == (67, 101, 3)
    assert shapes[DecodePath.HALF] == (33, 50, 3)


def test_a_file_without_white_balance_is_left_to_libraw(tmp_path: Path) -> None:
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(64, 96), tags={dng.AS_SHOT_NEUTRAL: None})
    with _open(path) as original:
        # LibRaw would guess a balance from the whole picture; a kernel that sees rows cannot.
        assert not available_paths(original.header) & set(_OURS)


def test_a_path_that_the_header_does_not_allow_is_refused(make_dng: MakeDng) -> None:
    with _open(make_dng(preview_px=None).path) as original, pytest.raises(ImageError) as caught:
        decode(original, DecodePath.PREVIEW, ColourSpace.SRGB)
    assert caught.value.stage is Stage.DECODE
    assert "half" in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (MemoryError(), ReasonCode.OUT_OF_MEMORY),
        (rawpy.LibRawUnsufficientMemoryError(b"memory"), ReasonCode.OUT_OF_MEMORY),
        (rawpy.LibRawTooBigError(b"big"), ReasonCode.TOO_LARGE),
        (rawpy.LibRawIOError(b"io"), ReasonCode.TRUNCATED),
        (rawpy.LibRawDataError(b"data"), ReasonCode.DAMAGED),
        (rawpy.LibRawFileUnsupportedError(b"codec"), ReasonCode.UNSUPPORTED_CODEC),
        (OSError((12, "Cannot allocate memory")), ReasonCode.OUT_OF_MEMORY),
    ],
)
def test_what_libraw_raises_becomes_a_reason(
    make_dng: MakeDng, monkeypatch: pytest.MonkeyPatch, raised: Exception, reason: ReasonCode
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    with _open(make_dng().path) as original:
        monkeypatch.setattr("processor.decode._libraw", fail)
        with pytest.raises(ImageError) as caught:
            decode(original, DecodePath.AHD, ColourSpace.SRGB)
    assert (caught.value.reason, caught.value.stage) == (reason, Stage.DECODE)


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    wide = {50718: (Type.RATIONAL, [2.0, 1.0])}  # DefaultScale
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(64, 96), tags=wide)
    with _open(path) as original:
        width, height = developed_size(original.header)
        assert not available_paths(original.header) & set(_OURS)
        for path_ in (DecodePath.PPG, DecodePath.AHD):
            frame = decode(original, path_, ColourSpace.SRGB)
            assert frame.full_size_px == (width, height) == frame.pixels.shape[1::-1]
            assert width / height == pytest.approx(3.0, rel=0.05)
