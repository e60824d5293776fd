"""The verdicts: what is damaged is found, what is good stays ok, and hostile files cost nothing."""

import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rawpy

from processor.decode import decode
from processor.errors import ImageError, ReasonCode
from processor.integrity import Inspection, inspect, inspect_file
from processor.integrity.preview_check import preview_luminance
from processor.limits import Limits
from processor.original import open_original
from processor.sample import BAYER_PATTERNS, make_sample
from processor.sample.maker import to_sensor
from processor.types import ColourSpace, DecodePath, Verdict
from tests.processor.bad_files import TRUNCATIONS, raw_field, truncated, with_pixels
from tests.processor.conftest import MakeDng, Sample

STRIP_OFFSETS, TILE_OFFSETS, TILE_BYTE_COUNTS = 273, 324, 325
Change = Callable[[np.ndarray], None]


def judged(path: Path, decode_path: DecodePath = DecodePath.HALF) -> Inspection:
    """The verdict on an original and its developed frame."""
    with open_original(path, limits=Limits()) as original:
        return inspect(original, decode(original, decode_path, ColourSpace.SRGB))


def spoiled(tmp_path: Path, sample: Sample, change: Change) -> Path:
    """An uncompressed sample with other sensor values."""
    path = tmp_path / "spoiled.dng"
    path.write_bytes(with_pixels(sample.path, change))
    return path


@pytest.mark.parametrize("seed", range(1, 8))
def test_good_samples_in_any_light_are_ok_without_a_word(make_dng: MakeDng, seed: int) -> None:
    assert judged(make_dng(width_px=768, height_px=512, seed=seed).path) == (Verdict.OK, (), None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_good_samples_in_any_orientation_are_ok(make_dng: MakeDng, orientation: int) -> None:
    assert judged(make_dng(orientation=orientation).path) == (Verdict.OK, (), None)


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_good_compressed_samples_of_any_phase_are_ok(make_dng: MakeDng, pattern: tuple[int, int, int, int]) -> None:
    assert judged(make_dng(pattern=pattern, compression="lossless-jpeg").path) == (Verdict.OK, (), None)


@pytest.mark.parametrize("percent", TRUNCATIONS)
@pytest.mark.parametrize("name", ["sample_dng", "sample_ljpeg_dng"])
def test_a_cut_file_is_damaged_before_anything_is_decoded(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, percent: float
) -> None:
    path = tmp_path / "cut.dng"
    path.write_bytes(truncated(request.getfixturevalue(name).path, percent))
    verdict, evidence, _ = inspect_file(path)
    assert verdict is Verdict.DAMAGED
    assert f"end of the file at byte {path.stat().st_size:,}" in evidence[0]


def test_one_missing_byte_is_enough(sample_dng: Sample, tmp_path: Path) -> None:
    path = tmp_path / "cut.dng"
    path.write_bytes(sample_dng.path.read_bytes()[:-1])
    assert inspect_file(path)[0] is Verdict.DAMAGED


def test_zeros_in_the_last_half_are_damage(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        mosaic[mosaic.shape[0] // 2 :] = 0

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(), change))
    assert verdict is Verdict.DAMAGED
    assert "of 128 rows are constant, on the sensor too" in evidence[0]


def test_a_hole_in_the_middle_is_damage(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        mosaic[60:90] = 0

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(), change))
    assert verdict is Verdict.DAMAGED
    assert "rows hold a single value" in evidence[0]


@pytest.mark.parametrize("value", [0, 1008, 5000])
@pytest.mark.parametrize("decode_path", [DecodePath.HALF, DecodePath.AHD])
def test_a_constant_frame_is_damage(make_dng: MakeDng, tmp_path: Path, value: int, decode_path: DecodePath) -> None:
    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(), lambda mosaic: mosaic.fill(value)), decode_path)
    assert verdict is Verdict.DAMAGED
    assert f"sensor values: {value} to {value}" in evidence[0]


def test_a_wholly_overexposed_frame_is_suspect_but_not_damaged(make_dng: MakeDng, tmp_path: Path) -> None:
    assert judged(spoiled(tmp_path, make_dng(), lambda mosaic: mosaic.fill(16_383)))[0] is Verdict.SUSPECT


def test_an_overexposed_foreground_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "bright.dng"
    make_sample(path, width_px=384, height_px=256, preview_px=None)

    def change(mosaic: np.ndarray) -> None:
        mosaic[-80:] = 16_383

    path.write_bytes(with_pixels(path, change))
    assert not any("constant" in sentence or "single value" in sentence for sentence in judged(path)[1])


def test_the_noise_of_a_dark_frame_is_no_damage(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        mosaic[:] = np.rint(1008 + np.random.default_rng(0).normal(0, 2.5, mosaic.shape))

    assert judged(spoiled(tmp_path, make_dng(), change)) == (Verdict.OK, (), None)


def test_a_black_foreground_with_sensor_noise_is_no_damage(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        dark = mosaic[-60:]
        dark[:] = 990 + np.random.default_rng(0).integers(0, 4, dark.shape)

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(), change))
    assert verdict is not Verdict.DAMAGED, evidence


def test_random_values_are_suspect(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        mosaic[:] = np.random.default_rng(0).integers(1008, 16_383, mosaic.shape)

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(width_px=768, height_px=512), change))
    assert verdict is Verdict.SUSPECT
    assert any("random values" in sentence for sentence in evidence)


def test_the_preview_of_another_picture_is_suspect(make_dng: MakeDng, tmp_path: Path) -> None:
    def change(mosaic: np.ndarray) -> None:
        # Another view: the same sensor values, moved by a third of the picture.
        mosaic[:] = np.roll(mosaic, (84, 128), axis=(0, 1))

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(), change))
    assert verdict is Verdict.SUSPECT
    assert "does not look like the embedded preview" in evidence[0]


def test_the_preview_of_a_photo_of_the_same_place_is_suspect_by_its_details(make_dng: MakeDng, tmp_path: Path) -> None:
    other = make_dng(seed=6).truth.mosaic()

    def change(mosaic: np.ndarray) -> None:
        mosaic[:] = other

    verdict, evidence, _ = judged(spoiled(tmp_path, make_dng(seed=1), change))
    assert verdict is Verdict.SUSPECT
    assert "local correlation" in evidence[0]


@pytest.mark.parametrize("turn", [2, 3, 4])
def test_a_frame_that_is_turned_against_its_preview_is_suspect_and_the_turn_is_named(
    make_dng: MakeDng, tmp_path: Path, turn: int
) -> None:
    sample = make_dng()
    turned = to_sensor(sample.truth.render(), turn)

    def change(mosaic: np.ndarray) -> None:
        # Greys keep this independent of the filter pattern.
        mosaic[:] = 1008 + turned.mean(axis=2) * 40

    verdict, evidence, _ = judged(spoiled(tmp_path, sample, change))
    assert verdict is Verdict.SUSPECT
    assert f"orientation {turn}" in evidence[0]


def test_a_frame_made_of_the_preview_is_not_compared_with_it(sample_dng: Sample, tmp_path: Path) -> None:
    path = spoiled(tmp_path, sample_dng, lambda mosaic: mosaic.fill(0))
    assert judged(path, DecodePath.PREVIEW) == (Verdict.OK, (), None)


def test_tiles_that_do_not_start_as_jpeg_are_damage(make_dng: MakeDng, tmp_path: Path) -> None:
    data = bytearray(make_dng(width_px=768, height_px=512, compression="lossless-jpeg").path.read_bytes())
    _, count, at = raw_field(bytes(data), TILE_OFFSETS)
    (last,) = struct.unpack_from("<I", data, at + 4 * (count - 1))
    data[last:] = bytes(len(data) - last)
    path = tmp_path / "zeroed.dng"
    path.write_bytes(data)
    verdict, evidence, _ = inspect_file(path)
    assert verdict is Verdict.DAMAGED
    assert f"of {count + 1} JPEG streams" in evidence[0]


def test_a_tile_without_end_marker_is_suspect(make_dng: MakeDng, tmp_path: Path) -> None:
    data = bytearray(make_dng(compression="lossless-jpeg").path.read_bytes())
    assert data.endswith(b"\xff\xd9")
    data[-2:] = b"\0\0"
    path = tmp_path / "endless.dng"
    path.write_bytes(data)
    verdict, evidence, _ = inspect_file(path)
    assert verdict is Verdict.SUSPECT
    assert "no end marker" in evidence[0]


def test_a_file_too_small_for_its_pixels_is_damage(sample_dng: Sample) -> None:
    with open_original(sample_dng.path, limits=Limits()) as original:
        original.header = replace(original.header, size_bytes=10_000)
        verdict, evidence, _ = inspect(original, None)
    assert verdict is Verdict.DAMAGED
    assert "10,000 bytes cannot hold 1,572,864 sensor values" in evidence[0]


def _tiff(*directories: bytes, first: int = 8) -> bytes:
    return struct.pack("<2sHI", b"II", 42, first) + b"".join(directories)


def _directory(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


@pytest.mark.parametrize(
    "content",
    [
        _tiff(_directory([], 8)),
        _tiff(_directory([(330, 4, 1, 8)], 8)),
        _tiff(_directory([(330, 4, 0xFFFFFFFF, 8)], 0)),
        _tiff(_directory([(273, 4, 0xFFFFFFFF, 8), (279, 4, 0xFFFFFFFF, 8)], 0)),
        _tiff(_directory([(273, 4, 60_000, 0), (279, 4, 60_000, 0)] * 40, 0)),
        _tiff(_directory([(50714, 5, 1, 0xFFFFFFF0), (50706, 1, 4, 1)], 0)),
        _tiff(_directory([(259, 3, 1, 7), (273, 10, 1, 50), (279, 4, 1, 4)], 0), struct.pack("<ii", -5, 1)),
        _tiff(b"".join(_directory([], 8 + 6 * (number + 1)) for number in range(5000))),
        _tiff(struct.pack("<H", 0xFFFF)),
        b"II*\0",
        b"",
    ],
    ids=[
        "loop",
        "sub-loop",
        "many-subs",
        "huge-array",
        "many-arrays",
        "far-value",
        "negative-place",
        "long-chain",
        "huge",
        "stub",
        "empty",
    ],
)
def test_hostile_structures_end_quickly_and_quietly(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile.dng"
    path.write_bytes(content)
    assert inspect_file(path)[0] in set(Verdict)


def test_random_bytes_in_the_headers_never_break_the_walk(make_dng: MakeDng, tmp_path: Path) -> None:
    good = make_dng(compression="lossless-jpeg").path.read_bytes()
    rng = np.random.default_rng(7)
    path = tmp_path / "fuzzed.dng"
    for _ in range(300):
        data = bytearray(good[:20_000])
        for at in rng.integers(0, 1500, rng.integers(1, 12)):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        assert inspect_file(path)[0] in set(Verdict)


def test_only_headers_are_read(tmp_path: Path, sample_dng: Sample) -> None:
    data = bytearray(sample_dng.path.read_bytes())
    _, _, at = raw_field(bytes(data), STRIP_OFFSETS)
    (offset,) = struct.unpack_from("<I", data, at)
    sparse = tmp_path / "sparse.dng"
    with sparse.open("wb") as file:
        file.write(data[:offset])
        file.truncate(len(data))
    # Pixels that were never written are no matter of the structure.
    assert inspect_file(sparse) == (Verdict.OK, (), None)


def test_a_cut_cr3_is_damage_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "box.cr3"
    whole = struct.pack(">I4s8s", 16, b"ftyp", b"crx \0\0\0\1") + struct.pack(">I4s", 1008, b"mdat") + bytes(1000)
    path.write_bytes(whole)
    assert inspect_file(path) == (Verdict.OK, (), None)
    path.write_bytes(whole[:-1])
    verdict, evidence, _ = inspect_file(path)
    assert verdict is Verdict.DAMAGED
    assert "'mdat' at byte 16 claims 1,008 bytes" in evidence[0]


def test_a_cut_raf_is_damage_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "photo.raf"
    whole = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">6I", 200, 100, 300, 50, 400, 600) + bytes(892)
    path.write_bytes(whole)
    assert inspect_file(path) == (Verdict.OK, (), None)
    path.write_bytes(whole[:-1])
    assert inspect_file(path)[0] is Verdict.DAMAGED


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read") as error:
        inspect_file(tmp_path / "gone.dng")
    assert error.value.reason is ReasonCode.UNREADABLE


def _camera_files() -> list[Path]:
    folder = os.environ.get("RAWMILL_CAMERA_RAWS")
    return sorted(path for path in Path(folder).iterdir() if path.suffix in {".KDC", ".CRW"}) if folder else []


def _cameras() -> list[Path]:
    return _camera_files() or [Path("none")]


@pytest.mark.camera
@pytest.mark.skipif(not _camera_files(), reason="RAWMILL_CAMERA_RAWS names no folder of camera RAW files")
@pytest.mark.parametrize("path", _cameras(), ids=lambda path: path.name)
class TestCameraFiles:
    """Files of real cameras."""

    def test_a_whole_file_is_ok(self, path: Path) -> None:
        assert judged(path, DecodePath.PPG) == (Verdict.OK, (), None)

    @pytest.mark.parametrize("percent", TRUNCATIONS)
    def test_a_cut_file_is_refused_or_not_ok(self, path: Path, percent: float, tmp_path: Path) -> None:
        cut = tmp_path / path.name
        cut.write_bytes(truncated(path, percent))
        try:
            verdict, _, _ = judged(cut, DecodePath.PPG)
        except ImageError:
            return
        assert verdict is not Verdict.OK


def test_a_bitmap_whose_bytes_nobody_counted_is_not_read(tmp_path: Path) -> None:
    """Found by spoiling files: LibRaw's array was larger than its memory, and comparing it ended the process."""

    class Raw:
        def extract_thumb(self) -> rawpy.Thumbnail:
            picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
            return rawpy.Thumbnail(format=rawpy.ThumbFormat.BITMAP, data=picture)

    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as file:
        assert preview_luminance(Raw(), file, None) is None  # type: ignore[arg-type,unused-ignore]
