"""EXIF of the renditions: what is kept, and what the privacy switch removes."""

import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import rawpy
from PIL import ExifTags, Image

from processor.metadata import camera_exif, rendition_exif
from processor.types import ColourSpace
from tests.processor.conftest import Sample

Base, Ifd = ExifTags.Base, ExifTags.IFD


def developed(path: Path, *, private: bool, space: ColourSpace = ColourSpace.SRGB) -> tuple[dict[int, Any], ...]:
    """Main, Exif and GPS directories of a rendition, read back from a JPEG."""
    with rawpy.imread(str(path)) as raw:
        source = camera_exif(path, raw, make="Fallback", model="Camera")
    block = rendition_exif(source, (300, 200), space, private=private)
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200)).save(buffer, "jpeg", exif=block)
    with Image.open(buffer) as image:
        exif = image.getexif()
        return dict(exif), dict(exif.get_ifd(Ifd.Exif)), dict(exif.get_ifd(Ifd.GPSInfo))


def test_camera_exposure_lens_and_position_are_kept(sample_dng: Sample) -> None:
    main, details, position = developed(sample_dng.path, private=False)
    assert {Base.Make, Base.Model, Base.DateTime} <= set(main)
    assert {Base.ExposureTime, Base.FNumber, Base.ISOSpeedRatings, Base.FocalLength, Base.LensModel} <= set(details)
    assert Base.BodySerialNumber in details
    assert position


def test_privacy_removes_position_and_serial_numbers_and_keeps_the_exposure(sample_dng: Sample) -> None:
    main, details, position = developed(sample_dng.path, private=True)
    assert position == {}
    assert ExifTags.Base.GPSInfo not in main
    forbidden = {Base.BodySerialNumber, Base.LensSerialNumber, Base.CameraOwnerName, Base.ImageUniqueID}
    assert not forbidden & set(details)
    assert {Base.ExposureTime, Base.DateTimeOriginal} <= set(details)


def test_no_byte_of_a_serial_number_survives_privacy(sample_dng: Sample) -> None:
    _, details, _ = developed(sample_dng.path, private=False)
    serial = str(details[Base.BodySerialNumber]).encode()
    with rawpy.imread(str(sample_dng.path)) as raw:
        source = camera_exif(sample_dng.path, raw, make="", model="")
    assert serial in rendition_exif(source, (1, 1), ColourSpace.SRGB, private=False)
    assert serial not in rendition_exif(source, (1, 1), ColourSpace.SRGB, private=True)


def test_orientation_is_reset_and_the_renditions_own_size_and_space_are_noted(sample_dng: Sample) -> None:
    main, details, _ = developed(sample_dng.path, private=False, space=ColourSpace.DISPLAY_P3)
    assert main[Base.Orientation] == 1
    assert (details[Base.ExifImageWidth], details[Base.ExifImageHeight]) == (300, 200)
    assert details[Base.ColorSpace] == 0xFFFF


def test_a_damaged_exif_directory_costs_the_exif_and_not_the_picture(sample_dng: Sample, tmp_path: Path) -> None:
    content = bytearray(sample_dng.path.read_bytes())
    marker = content.index((34665).to_bytes(2, "little") + b"\x04\x00")
    content[marker + 8 : marker + 12] = (len(content) - 3).to_bytes(4, "little")
    damaged = tmp_path / "damaged.dng"
    damaged.write_bytes(content)
    with rawpy.imread(str(sample_dng.path)) as raw:
        source = camera_exif(damaged, raw, make="Maker", model="Model")
    assert rendition_exif(source, (1, 1), ColourSpace.SRGB, private=False)
    assert source[Base.Make] == "Maker"


@pytest.mark.camera
def test_canons_own_container_gives_its_exposure_through_libraw(camera_raws: Path) -> None:
    for path in sorted(camera_raws.glob("*.CRW")):
        main, details, _ = developed(path, private=False)
        assert {Base.ExposureTime, Base.FNumber, Base.FocalLength} <= set(details), path.name
        assert main[Base.DateTime].startswith("20"), path.name


def test_a_value_of_a_type_that_its_directory_does_not_take_costs_that_value_alone() -> None:
    """Found by spoiling files: a side of sea level that is a fraction would have been fine among the main tags."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Rawmill"
    position = exif.get_ifd(ExifTags.IFD.GPSInfo)
    position[ExifTags.GPS.GPSLatitudeRef] = "N"
    position[ExifTags.GPS.GPSAltitudeRef] = 0.0
    kept = Image.Exif()
    kept.load(rendition_exif(exif, (64, 48), ColourSpace.SRGB, private=False))
    assert kept[ExifTags.Base.Make] == "Rawmill"
    assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"
    assert ExifTags.GPS.GPSAltitudeRef not in kept.get_ifd(ExifTags.IFD.GPSInfo)


def test_an_infinite_exposure_costs_that_value_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.crw"
    foreign.write_bytes(b"II\x1a\0\0\0HEAPCCDR")
    other = SimpleNamespace(
        shutter_speed=math.inf, aperture=5.6, focal_length=math.inf, iso_speed=math.inf, timestamp=0
    )
    raw = cast("rawpy.RawPy", SimpleNamespace(other=other))
    details = camera_exif(foreign, raw, make="Maker", model="Model").get_ifd(ExifTags.IFD.Exif)
    assert float(details[Base.FNumber]) == pytest.approx(5.6)
    assert not {Base.ExposureTime, Base.FocalLength, Base.ISOSpeedRatings} & set(details)
