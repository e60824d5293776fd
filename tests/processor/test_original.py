"""Opening originals: what the header says, and one clear sentence for everything that cannot be opened."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from processor import libraw
from processor.decode import available_paths
from processor.errors import ImageError, ReasonCode, Stage
from processor.limits import Limits
from processor.original import open_original
from processor.sample.tiff import Type
from processor.types import DecodePath
from tests.processor import dng_files as dng
from tests.processor.conftest import MakeDng, Sample


def _refusal(path: Path, limits: Limits | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        open_original(path, limits=limits or Limits())
    assert caught.value.stage is Stage.READ
    assert path.name in str(caught.value)
    return caught.value


def test_the_header_tells_what_the_file_holds(sample_ljpeg_dng: Sample) -> None:
    with open_original(sample_ljpeg_dng.path, limits=Limits()) as original:
        header = original.header
    assert (header.width_px, header.height_px) == (header.raw_width_px, header.raw_height_px) == (1536, 1024)
    assert header.size_bytes == sample_ljpeg_dng.path.stat().st_size
    assert header.bayer == (0, 1, 3, 2)
    assert header.preview_px is not None
    assert header.preview_px[0] == 1024
    assert header.fast_unpack == "lossless-jpeg"
    assert header.make
    assert header.model
    assert header.plain


def test_opening_reads_no_pixels(tmp_path: Path) -> None:
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(64, 96))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 64 * 96 * 2] + bytes(16))  # nothing left of the pixels
    with open_original(path, limits=Limits()) as original:
        assert original.header.width_px == 96


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_exifs_own_number(make_dng: MakeDng, orientation: int) -> None:
    with open_original(make_dng(orientation=orientation).path, limits=Limits()) as original:
        assert original.header.orientation == orientation


def test_without_libraws_c_interface_everything_still_opens(make_dng: MakeDng, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraw, "_library", lambda: None)
    with open_original(make_dng().path, limits=Limits()) as original:
        assert available_paths(original.header) >= {DecodePath.AHD, DecodePath.PPG, DecodePath.LIBRAW_HALF}
        assert not available_paths(original.header) & {DecodePath.HALF, DecodePath.FULL}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.nef", b"", "is empty"),
        ("text.cr2", b"dear diary, today I took no photographs\n" * 9, "text"),
        ("zeros.arw", bytes(4096), "zeros"),
        ("noise.arw", bytes(range(1, 255)) * 9, "no known format"),
        ("archive.nef", b"PK\x03\x04" + bytes(999), "ZIP archive"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = _refusal(path)
    assert error.reason is ReasonCode.NOT_AN_IMAGE
    assert words in str(error)


@pytest.mark.parametrize(("kind", "words"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("TIFF", "TIFF"), ("WEBP", "WebP")])
def test_a_picture_with_a_raw_files_name_is_told_apart(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "picture.nef"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path, kind)
    error = _refusal(path)
    assert error.reason is ReasonCode.NOT_AN_IMAGE
    assert f"not a camera RAW: it is a {words} picture" in str(error)


def test_files_that_cannot_be_reached_are_unreadable(tmp_path: Path) -> None:
    assert "no such file" in str(_refusal(tmp_path / "missing.nef"))
    assert "folder" in str(_refusal(tmp_path))
    link = tmp_path / "link.nef"
    link.symlink_to(tmp_path / "nowhere.nef")
    assert "nowhere.nef" in str(_refusal(link))
    pipe = tmp_path / "pipe.nef"
    os.mkfifo(pipe)
    assert "regular file" in str(_refusal(pipe))
    reasons = {_refusal(path).reason for path in (tmp_path / "missing.nef", tmp_path, link, pipe)}
    assert reasons == {ReasonCode.UNREADABLE}


def test_names_in_no_encoding_open_all_the_same(make_dng: MakeDng, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9-\xff.dng")
    path.write_bytes(make_dng().path.read_bytes())
    with open_original(path, limits=Limits()) as original:
        assert original.header.bayer is not None


def test_limits_name_the_value_and_what_is_allowed(make_dng: MakeDng) -> None:
    path = make_dng().path
    error = _refusal(path, Limits(max_pixels=1000))
    assert error.reason is ReasonCode.TOO_LARGE
    assert "384 × 256" in str(error)
    assert "1000" in str(error)
    error = _refusal(path, Limits(max_file_bytes=1000))
    assert error.reason is ReasonCode.TOO_LARGE
    assert str(path.stat().st_size) in str(error)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({33422: (Type.BYTE, [9, 9, 9, 9])}, "pattern"),
        ({dng.BLACK_LEVEL: (Type.LONG, [65535])}, "black"),
        ({dng.ACTIVE_AREA: (Type.LONG, [0, 0, 64, 200])}, "active area"),
        ({50719: (Type.LONG, [50, 0]), 50720: (Type.LONG, [96, 64])}, "crops"),
    ],
)
def test_headers_that_contradict_themselves_are_damaged(
    tmp_path: Path, tags: dict[int, tuple[Type, list[float]]], words: str
) -> None:
    path = dng.write_dng(tmp_path / "a.dng", dng.mosaic(64, 96), tags=tags)
    error = _refusal(path)
    assert error.reason is ReasonCode.DAMAGED
    assert words in str(error)


def test_a_header_that_is_cut_off_is_truncated(make_dng: MakeDng, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(make_dng().path.read_bytes()[:200])
    assert _refusal(path).reason is ReasonCode.TRUNCATED


@pytest.mark.camera
@pytest.mark.parametrize("percent", [1, 50, 99])
def test_canon_files_without_their_end_are_truncated(tmp_path: Path, percent: int) -> None:
    folder = os.environ.get("RAWMILL_CAMERA_RAWS")
    if not folder:
        pytest.skip("RAWMILL_CAMERA_RAWS names no folder")
    for file in sorted(Path(folder).glob("*.CRW")):
        path = tmp_path / file.name
        path.write_bytes(file.read_bytes()[: file.stat().st_size * percent // 100])
        assert _refusal(path).reason is ReasonCode.TRUNCATED
