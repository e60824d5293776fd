"""Our unpackers: bit for bit what LibRaw reads, or a clear refusal, never anything else."""

import math
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import rawpy
from numpy.typing import NDArray

from processor.decode import decode
from processor.errors import ImageError, ReasonCode, Stage
from processor.limits import Limits
from processor.original import Original, open_original
from processor.sample.tiff import Type
from processor.types import ColourSpace, DecodePath
from processor.unpack.dng import read_raw_image
from processor.unpack.fast import let_go, unpack
from processor.unpack.ljpeg import DAMAGED
from processor.unpack.ljpeg import decode as decode_tiles
from processor.unpack.sensor import read_sensor
from tests.processor import dng_files as dng
from tests.processor.conftest import MakeDng, Sample


def _open(path: Path) -> Original:
    return open_original(path, limits=Limits())


def _unpacked(path: Path, form: str) -> NDArray[np.uint16]:
    """What our unpacker makes of a file that it must claim."""
    with _open(path) as original:
        assert original.header.fast_unpack == form
        assert original.dng is not None
        values = unpack(path, original.dng)
        assert values is not None, "our unpacker left a file to LibRaw that it should know"
        return np.array(values)


def _libraw(path: Path) -> NDArray[np.uint16]:
    with rawpy.imread(str(path)) as raw:
        return np.array(raw.raw_image)


def _assert_same(path: Path, form: str, values: NDArray[np.uint16]) -> None:
    ours = _unpacked(path, form)
    np.testing.assert_array_equal(ours, _libraw(path))
    np.testing.assert_array_equal(ours, values)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 97), (33, 128)])
def test_uncompressed_values_equal_libraws(tmp_path: Path, height: int, width: int) -> None:
    values = dng.mosaic(height, width)
    _assert_same(dng.write_dng(tmp_path / "a.dng", values), "uncompressed", values)


def test_contiguous_strips_are_mapped_as_one(tmp_path: Path) -> None:
    values = dng.mosaic(64, 96)
    strips = [values[y : y + 24].astype("<u2").tobytes() for y in range(0, 64, 24)]
    plain = {259: (Type.SHORT, [1]), dng.ROWS_PER_STRIP: (Type.LONG, [24])}
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=strips, tags=plain)
    _assert_same(path, "uncompressed", values)


def _mapped(path: Path) -> NDArray[np.uint16]:
    with _open(path) as original:
        assert original.dng is not None
        values = unpack(path, original.dng)
    assert values is not None
    return values


def test_mapped_lines_can_be_let_go_and_read_again(tmp_path: Path) -> None:
    values = dng.mosaic(640, 2048)
    mapped = _mapped(dng.write_dng(tmp_path / "a.dng", values))
    for first, last in ((0, 1), (3, 500), (500, 640), (0, 640), (10, 10)):
        let_go(mapped, first, last)
        np.testing.assert_array_equal(mapped, values)
    let_go(values, 0, 640)
    np.testing.assert_array_equal(mapped, values)


def test_letting_go_of_mapped_lines_frees_their_memory(tmp_path: Path) -> None:
    mapped = _mapped(dng.write_dng(tmp_path / "a.dng", dng.mosaic(4096, 2048)))
    mapped.sum()
    before = psutil.Process().memory_info().shared
    let_go(mapped, 0, 4096)
    assert before - psutil.Process().memory_info().shared >= 15_000_000


@pytest.mark.parametrize("predictor", range(1, 8))
@pytest.mark.parametrize("components", [1, 2])
def test_every_predictor_decodes_to_libraws_values(tmp_path: Path, predictor: int, components: int) -> None:
    values = dng.mosaic(96, 160)
    tiles = dng.tiles_of(values, (32, 64), components=components, predictor=predictor)
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=tiles, tile=(32, 64))
    _assert_same(path, "lossless-jpeg", values)


@pytest.mark.parametrize("precision", [12, 14, 16])
def test_every_precision_decodes_to_libraws_values(tmp_path: Path, precision: int) -> None:
    white = (1 << precision) - 1
    values = dng.mosaic(64, 128, white=white)
    tiles = dng.tiles_of(values, (32, 32), precision=precision)
    path = dng.write_dng(
        tmp_path / "a.dng", values, chunks=tiles, tile=(32, 32), tags={dng.WHITE_LEVEL: (Type.LONG, [white])}
    )
    _assert_same(path, "lossless-jpeg", values)


@pytest.mark.parametrize("tile", [(32, 48), (16, 112), (48, 64), (64, 202)])
@pytest.mark.parametrize("fold", [1, 2])
def test_tiles_that_do_not_divide_the_image_decode_to_libraws_values(
    tmp_path: Path, tile: tuple[int, int], fold: int
) -> None:
    values = dng.mosaic(75, 203)
    tiles = dng.tiles_of(values, tile, components=2, predictor=6, fold=fold)
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=tiles, tile=tile)
    _assert_same(path, "lossless-jpeg", values)


def test_one_strip_decodes_to_libraws_values(tmp_path: Path) -> None:
    values = dng.mosaic(70, 130)
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=[dng.ljpeg(values, components=2)])
    _assert_same(path, "lossless-jpeg", values)


@pytest.mark.parametrize("compression", ["none", "lossless-jpeg"])
def test_samples_unpack_to_libraws_values(make_dng: MakeDng, compression: str) -> None:
    path = make_dng(width_px=600, height_px=400, compression=compression).path  # type: ignore[arg-type]
    form = "uncompressed" if compression == "none" else compression
    np.testing.assert_array_equal(_unpacked(path, form), _libraw(path))


@pytest.mark.parametrize("pattern", [(0, 1, 1, 2), (1, 0, 2, 1), (1, 2, 0, 1), (2, 1, 1, 0)])
@pytest.mark.parametrize("margin", [(0, 0), (3, 5), (2, 1)])
def test_levels_window_and_balance_equal_what_libraw_has_after_unpacking(
    tmp_path: Path, pattern: tuple[int, int, int, int], margin: tuple[int, int]
) -> None:
    values = dng.mosaic(64, 96)
    tags = {
        dng.BLACK_DIM: (Type.SHORT, [2, 2]),
        dng.BLACK_LEVEL: (Type.LONG, [250, 251, 253, 256]),
        dng.ACTIVE_AREA: (Type.LONG, [*margin, 63, 94]),
    }
    path = dng.write_dng(tmp_path / "a.dng", values, pattern=pattern, tags=tags)
    with _open(path) as original:
        assert original.header.fast_unpack == "uncompressed"
        ours = read_sensor(original)
        raw = original.raw
        np.testing.assert_array_equal(ours.black, raw.black_level_per_channel)
        top, left, height, width = ours.window
        np.testing.assert_array_equal(ours.values[top : top + height, left : left + width], raw.raw_image_visible)
        pattern_of_raw = raw.raw_pattern
        assert pattern_of_raw is not None
        assert ours.pattern == tuple(pattern_of_raw.ravel())
        np.testing.assert_allclose(ours.camera_to_srgb, raw.color_matrix[:, :3], atol=1e-6)
        red, green, blue, second = raw.camera_whitebalance
        balance = np.array([red, green, blue, second or green])
        scale = balance / balance.min() / (raw.white_level - min(raw.black_level_per_channel))
        np.testing.assert_allclose(ours.scale, scale, rtol=1e-6)


_FOREIGN: dict[str, dng.Tags] = {
    "a linearization table": {dng.LINEARIZATION: (Type.SHORT, list(range(0, 65536, 16)))},
    "black levels that change along rows": {50715: (Type.SRATIONAL, [1.0] * 96)},
    "masked areas": {50830: (Type.LONG, [0, 0, 8, 8]), dng.ACTIVE_AREA: (Type.LONG, [8, 8, 64, 96])},
    "a fractional black level": {dng.BLACK_LEVEL: (Type.RATIONAL, [250.5])},
    "a 4×4 black pattern": {dng.BLACK_DIM: (Type.SHORT, [4, 4]), dng.BLACK_LEVEL: (Type.LONG, [256] * 16)},
    "opcodes on raw values": {51008: (Type.BYTE, [0, 0, 0, 0])},
    "12-bit packing": {dng.BITS: (Type.SHORT, [12]), dng.WHITE_LEVEL: (Type.LONG, [4095])},
}


@pytest.mark.parametrize("what", _FOREIGN)
def test_anything_unusual_is_left_to_libraw(tmp_path: Path, what: str) -> None:
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(64, 96), tags=_FOREIGN[what])
    with _open(path) as original:
        assert original.header.fast_unpack is None, f"{what} must not reach our unpackers"


def test_a_tile_larger_than_the_image_is_left_to_libraw(tmp_path: Path) -> None:
    values = dng.mosaic(60, 100)
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=dng.tiles_of(values, (64, 112)), tile=(64, 112))
    with _open(path) as original:
        assert original.header.fast_unpack is None


def test_tiles_that_lie_over_each_other_are_left_to_libraw(tmp_path: Path) -> None:
    """Each may be as long as the file, so that a small file could ask for any amount of memory."""
    values = dng.mosaic(64, 128)
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=dng.tiles_of(values, (32, 64)), tile=(32, 64))
    with _open(path) as original:
        assert original.dng is not None
        first, tiles = original.dng.offsets[0], len(original.dng.offsets)
        rest = path.stat().st_size - first
        assert unpack(path, replace(original.dng, offsets=(first,) * tiles, counts=(rest,) * tiles)) is None


def test_a_stream_of_another_form_is_left_to_libraw_and_still_decodes(tmp_path: Path) -> None:
    values = dng.mosaic(64, 128)
    tiles = dng.tiles_of(values, (32, 64))
    restart = b"\xff\xdd\x00\x04\x00\x40"
    tiles = [tile[:2] + restart + tile[2:] for tile in tiles]
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=tiles, tile=(32, 64))
    with _open(path) as original:
        assert original.dng is not None
        assert unpack(path, original.dng) is None


def _spoilt(change: Callable[[bytearray], None]) -> Callable[[bytes], bytes]:
    def spoil(tile: bytes) -> bytes:
        data = bytearray(tile)
        change(data)
        return bytes(data)

    return spoil


def _cut(data: bytearray) -> None:
    del data[len(data) * 2 // 3 : -2]


def _early_end(data: bytearray) -> None:
    middle = len(data) // 2
    data[middle : middle + 2] = b"\xff\xd9"


def _foreign_marker(data: bytearray) -> None:
    middle = len(data) // 2
    data[middle : middle + 2] = b"\xff\xd4"


def _no_end(data: bytearray) -> None:
    del data[-2:]


def _surplus(data: bytearray) -> None:
    data[-2:-2] = b"\x12\x34\x56\x78"


def _zeros(data: bytearray) -> None:
    data[-400:-2] = bytes(398)


def _no_start(data: bytearray) -> None:
    data[:2] = b"\0\0"


@pytest.mark.parametrize("change", [_cut, _early_end, _foreign_marker, _no_end, _surplus, _zeros, _no_start])
@pytest.mark.parametrize("spoilt", [0, 5])
def test_a_damaged_stream_is_refused(tmp_path: Path, change: Callable[[bytearray], None], spoilt: int) -> None:
    values = dng.mosaic(96, 128)
    tiles = dng.tiles_of(values, (32, 64))
    tiles[spoilt] = _spoilt(change)(tiles[spoilt])
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=tiles, tile=(32, 64))
    with _open(path) as original, pytest.raises(ImageError) as caught:
        decode(original, DecodePath.HALF, ColourSpace.SRGB)
    assert caught.value.reason is ReasonCode.DAMAGED
    assert caught.value.stage is Stage.DECODE


@pytest.mark.parametrize("marker", [0xDA, 0xDD])
def test_a_marker_that_ends_its_tile_too_early_is_damage_whatever_lies_behind_it(marker: int) -> None:
    """The byte that such a marker should count stands in the next tile, or beyond the end of the memory."""
    stub = b"\xff\xd8\xff" + bytes([marker]) + b"\0\x02"
    for behind in (b"\0" * 8, b"\x01" * 8):
        data = np.frombuffer(stub + behind, np.uint8)
        out = np.empty((32, 64), np.uint16)
        assert decode_tiles(data, np.array([0]), np.array([len(stub)]), 64, 32, True, out) == DAMAGED


def test_an_infinite_black_level_is_left_to_libraw(tmp_path: Path) -> None:
    data = dng.write_dng(
        tmp_path / "a.dng", dng.mosaic(64, 96), tags={dng.BLACK_LEVEL: (Type.LONG, [256])}
    ).read_bytes()
    as_long = struct.pack("<HHII", dng.BLACK_LEVEL, Type.LONG, 1, 256)
    assert as_long in data
    data = data.replace(as_long, struct.pack("<HHIf", dng.BLACK_LEVEL, 11, 1, -math.inf))
    image = read_raw_image(memoryview(data), "a.dng")
    assert image is not None
    assert image.form is None


def test_flipped_bits_never_crash_and_hardly_ever_pass(tmp_path: Path) -> None:
    values = dng.mosaic(32, 256)
    tiles = dng.tiles_of(values, (32, 64))
    rng = np.random.default_rng(7)
    passed = 0
    for _ in range(60):
        spoilt = [bytearray(tile) for tile in tiles]
        victim = spoilt[rng.integers(len(spoilt))]
        place = int(rng.integers(len(victim)))
        victim[place] ^= 1 << int(rng.integers(8))
        path = dng.write_dng(tmp_path / "a.dng", values, chunks=[bytes(tile) for tile in spoilt], tile=(32, 64))
        try:
            with _open(path) as original:
                assert original.dng is not None
                passed += unpack(path, original.dng) is not None
        except ImageError as error:
            assert error.reason is ReasonCode.DAMAGED
    # A flip among the bits of one difference changes samples but leaves a valid stream, which no decoder can tell.
    assert passed < 45


@pytest.mark.parametrize("compressed", [False, True])
def test_pixel_data_beyond_the_end_of_the_file_are_truncated(tmp_path: Path, compressed: bool) -> None:
    values = dng.mosaic(96, 128)
    chunks = dng.tiles_of(values, (32, 64)) if compressed else None
    path = dng.write_dng(tmp_path / "a.dng", values, chunks=chunks, tile=(32, 64) if compressed else None)
    path.write_bytes(path.read_bytes()[:-64])
    with _open(path) as original, pytest.raises(ImageError) as caught:
        decode(original, DecodePath.HALF, ColourSpace.SRGB)
    assert caught.value.reason is ReasonCode.TRUNCATED
    assert caught.value.stage is Stage.DECODE


def test_a_compressed_sample_develops_to_the_pixels_of_its_uncompressed_twin(
    sample_dng: Sample, sample_ljpeg_dng: Sample
) -> None:
    frames = []
    for sample in (sample_dng, sample_ljpeg_dng):
        with _open(sample.path) as original:
            frames.append(decode(original, DecodePath.HALF, ColourSpace.SRGB).pixels)
    np.testing.assert_array_equal(frames[0], frames[1])
