"""Samples are valid DNGs that develop to the scene they were made from."""

import io
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rawpy
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from processor.errors import UsageError
from processor.sample import BAYER_PATTERNS, SAMPLE_SIZES, make_sample, render_scene, sensor
from processor.sample.dng import Compression
from processor.sample.maker import to_sensor
from processor.types import Rgb8
from tests.processor.conftest import MakeDng, Sample

COMPRESSIONS: tuple[Compression, ...] = ("none", "lossless-jpeg")


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB of 8-bit pictures."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float64) - other) ** 2)))


def developed(path: Path, **options: object) -> Rgb8:
    """LibRaw's AHD rendering with the camera's white balance and sRGB's tone curve."""
    with rawpy.imread(str(path)) as raw:
        return np.asarray(
            raw.postprocess(
                use_camera_wb=True, no_auto_bright=True, adjust_maximum_thr=0, gamma=(2.4, 12.92), **options
            ),
            np.uint8,
        )


def stored(path: Path) -> NDArray[np.uint16]:
    """The mosaic as LibRaw reads it."""
    with rawpy.imread(str(path)) as raw:
        return np.array(raw.raw_image, np.uint16)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_the_values_in_the_file_are_exactly_the_mosaic(
    make_dng: MakeDng, pattern: tuple[int, int, int, int], compression: Compression
) -> None:
    sample = make_dng(pattern=pattern, compression=compression)
    assert np.array_equal(stored(sample.path), sample.truth.mosaic())


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_every_bayer_phase_develops_to_the_scene(make_dng: MakeDng, pattern: tuple[int, int, int, int]) -> None:
    sample = make_dng(width_px=768, height_px=512, pattern=pattern)
    assert psnr(developed(sample.path, user_flip=0), sample.truth.render()) > 30


def test_ahd_reproduces_the_scene_at_35_db_with_noise(sample_dng: Sample, sample_6mp: Sample) -> None:
    assert psnr(developed(sample_dng.path), sample_dng.truth.render()) > 35
    assert psnr(developed(sample_6mp.path), sample_6mp.truth.render()) > 36


def test_colours_are_neither_brightened_nor_tinted(sample_6mp: Sample) -> None:
    offset = developed(sample_6mp.path).mean(axis=(0, 1)) - sample_6mp.truth.render().mean(axis=(0, 1))
    assert np.abs(offset).max() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_photo_is_upright_in_every_orientation(make_dng: MakeDng, orientation: int) -> None:
    sample = make_dng(width_px=480, height_px=320, orientation=orientation)
    upright = sample.truth.render_upright()
    picture = developed(sample.path)
    assert picture.shape == upright.shape
    assert psnr(picture, upright) > 28
    assert psnr(developed(sample.path, user_flip=0), sample.truth.render()) > 28


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_to_the_sensor_is_undone_by_exif_orientation(orientation: int) -> None:
    upright = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    image = Image.fromarray(to_sensor(upright, orientation))
    image.getexif()[274] = orientation
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(image)), upright)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [(32, 32), (257, 255), (300, 511)])
def test_any_size_can_be_made(tmp_path: Path, size: tuple[int, int], compression: Compression) -> None:
    path = tmp_path / "odd.dng"
    truth = make_sample(path, width_px=size[0], height_px=size[1], compression=compression)
    assert stored(path).shape == (size[1], size[0])
    assert np.array_equal(stored(path), truth.mosaic())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_photo(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first.dng", "again.dng", "other.dng")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        make_sample(path, width_px=96, height_px=64, seed=seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


def test_the_scene_is_the_same_at_any_size() -> None:
    small, large = render_scene(384, 256, 1), render_scene(1536, 1024, 1)
    shrunk = large.reshape(256, 4, 384, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    assert psnr(small, shrunk) > 28
    assert psnr(small, render_scene(384, 256, 2)) < 20


def test_the_scene_handed_out_is_the_callers_own() -> None:
    render_scene(64, 48, 1)[:] = 0
    assert render_scene(64, 48, 1).any()


def test_six_seeds_look_like_six_photos() -> None:
    pictures = [render_scene(96, 64, seed) for seed in range(1, 7)]
    for number, picture in enumerate(pictures):
        assert all(psnr(picture, other) < 25 for other in pictures[number + 1 :])


def pages(path: Path) -> list[tifffile.TiffPage]:
    """The main directory and those below it."""
    with tifffile.TiffFile(path) as tiff:
        main = tiff.pages.first
        found = [main, *(page for page in main.pages or () if isinstance(page, tifffile.TiffPage))]
        for page in found:
            # Long values are read when they are asked for, which is too late once the file is closed.
            assert all(tag.value is not None for tag in page.tags)
        return found


def test_directories_come_before_pixels_as_cameras_write_them(sample_dng: Sample) -> None:
    main, raw, preview = pages(sample_dng.path)
    assert main.offset == 8
    assert max(raw.offset, preview.offset) < min(main.dataoffsets)
    assert raw.dataoffsets[0] % 16 == 0
    assert raw.dataoffsets[0] + raw.databytecounts[0] == sample_dng.path.stat().st_size
    assert raw.tags["CFAPattern"].value == bytes(sample_dng.truth.pattern)
    assert raw.tags["WhiteLevel"].value == sample_dng.truth.white


def test_camera_exposure_serial_number_and_position_are_noted(sample_dng: Sample) -> None:
    tags = pages(sample_dng.path)[0].tags
    assert tags["Make"].value
    assert tags["Model"].value
    exif, gps = tags["ExifTag"].value, tags["GPSTag"].value
    assert {"ExposureTime", "FNumber", "FocalLength", "DateTimeOriginal", "LensModel", "BodySerialNumber"} <= set(exif)
    assert {"GPSLatitude", "GPSLongitude", "GPSAltitude"} <= set(gps)


def test_a_position_is_noted_on_request_only(make_dng: MakeDng) -> None:
    assert "GPSTag" not in pages(make_dng().path)[0].tags


def test_the_preview_shows_the_scene_at_the_size_that_was_asked_for(sample_dng: Sample) -> None:
    with rawpy.imread(str(sample_dng.path)) as raw:
        thumbnail = raw.extract_thumb()
    assert thumbnail.format == rawpy.ThumbFormat.JPEG
    with Image.open(io.BytesIO(thumbnail.data)) as preview:
        assert preview.size == sample_dng.truth.preview_px == (1024, 683)
        shown = preview.resize((96, 64), Image.Resampling.BOX)
    scene = Image.fromarray(sample_dng.truth.render()).resize((96, 64), Image.Resampling.BOX)
    assert psnr(np.asarray(shown), np.asarray(scene)) > 35


def test_a_sample_without_preview_has_none(make_dng: MakeDng) -> None:
    sample = make_dng(preview_px=None)
    assert sample.truth.preview_px is None
    assert len(pages(sample.path)) == 2


def test_noise_grows_with_light_as_photons_do() -> None:
    spreads = []
    for grey in (60, 200):
        picture = np.full((512, 512, 3), grey, np.uint8)
        mosaic = np.concatenate(list(sensor.expose(picture, (0, 1, 1, 2), seed=5)))
        green = mosaic[0::2, 1::2].astype(np.float64)
        electrons = (green.mean() - sensor.BLACK) * sensor.FULL_WELL_E / (sensor.WHITE - sensor.BLACK)
        expected = np.sqrt(electrons + sensor.READ_NOISE_E**2) * (sensor.WHITE - sensor.BLACK) / sensor.FULL_WELL_E
        spreads.append(green.std() / expected)
    assert spreads == pytest.approx([1, 1], abs=0.03)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"width_px": 8}, "width_px is 8"),
        ({"height_px": 99_999}, "height_px is 99999"),
        ({"orientation": 9}, "orientation is 9"),
        ({"compression": "zip"}, "compression is 'zip'"),
        ({"preview_px": 3}, "preview_px is 3"),
        ({"pattern": (9, 9, 9, 9)}, "pattern is"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_an_impossible_sample_is_refused_by_name_and_value(
    tmp_path: Path, wrong: dict[str, object], named: str
) -> None:
    arguments: dict[str, object] = {"width_px": 64, "height_px": 64, **wrong}
    with pytest.raises(UsageError, match=named):
        make_sample(tmp_path / "never.dng", **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_a_sample_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("processor.sample.dng._append_strip", full)
    with pytest.raises(OSError, match="No space"):
        make_sample(tmp_path / "full.dng", width_px=64, height_px=64)
    assert not list(tmp_path.iterdir())


def test_a_45_megapixel_sample_fits_in_1200_mebibytes(tmp_path: Path) -> None:
    width, height = SAMPLE_SIZES["45mp"]
    path = tmp_path / "large.dng"
    code = (
        "import sys; from pathlib import Path; from processor.sample import make_sample; "
        "make_sample(Path(sys.argv[1]), width_px=int(sys.argv[2]), height_px=int(sys.argv[3]))"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(width), str(height)], check=True)
    assert path.stat().st_size > 2 * width * height
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit_bytes < 1200 * 1024 * 1024
