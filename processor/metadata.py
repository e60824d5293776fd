"""EXIF of the renditions: what the camera recorded, less what privacy forbids, with the orientation already applied."""

import datetime as dt
import math
import struct
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import rawpy
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from processor.types import ColourSpace

SOFTWARE = "Rawmill"
MAX_VALUE_BYTES = 2048
"""Longer values are maker notes and embedded tables, which mean nothing outside the original."""

_Base, _Ifd = ExifTags.Base, ExifTags.IFD

# Allow-lists: a tag that nobody asked for is never copied, so no maker's private tag can carry a serial number out.
_MAIN_TAGS = {_Base.ImageDescription, _Base.Make, _Base.Model, _Base.DateTime, _Base.Artist, _Base.Copyright}
_EXIF_TAGS = {
    _Base.ExposureTime, _Base.FNumber, _Base.ExposureProgram, _Base.ISOSpeedRatings, _Base.SensitivityType,
    _Base.RecommendedExposureIndex, _Base.DateTimeOriginal, _Base.DateTimeDigitized, _Base.OffsetTime,
    _Base.OffsetTimeOriginal, _Base.OffsetTimeDigitized, _Base.SubsecTimeOriginal, _Base.ShutterSpeedValue,
    _Base.ApertureValue, _Base.ExposureBiasValue, _Base.MaxApertureValue, _Base.SubjectDistance, _Base.MeteringMode,
    _Base.LightSource, _Base.Flash, _Base.FocalLength, _Base.UserComment, _Base.ExposureMode, _Base.WhiteBalance,
    _Base.FocalLengthIn35mmFilm, _Base.SceneCaptureType, _Base.LensMake, _Base.LensModel, _Base.LensSpecification,
    _Base.BodySerialNumber, _Base.LensSerialNumber, _Base.CameraOwnerName, _Base.ImageUniqueID,
}  # fmt: skip
_PRIVATE_EXIF_TAGS = {
    _Base.BodySerialNumber, _Base.LensSerialNumber, _Base.CameraOwnerName, _Base.ImageUniqueID, _Base.UserComment,
}  # fmt: skip
_UNCALIBRATED = 0xFFFF


def camera_exif(original: Path, raw: rawpy.RawPy, *, make: str, model: str) -> Image.Exif:
    """What the camera recorded: the EXIF of a TIFF-structured RAW file, else LibRaw's reading of the container."""
    exif = _tiff_exif(original) or _libraw_exif(raw)
    for tag, name in ((_Base.Make, make), (_Base.Model, model)):
        if name and tag not in exif:
            exif[tag] = name
    return exif


def rendition_exif(source: Image.Exif, size_px: tuple[int, int], space: ColourSpace, *, private: bool) -> bytes:
    """The EXIF block of a rendition.

    Copyright and capture time always stay. `private` removes the GPS directory, serial numbers, the owner's name,
    unique ids and comments.

    Args:
        source: from `camera_exif`.
        size_px: (width, height) of the rendition.
        space: its colour space.
    """
    target = Image.Exif()
    for tag, value in source.items():
        if tag in _MAIN_TAGS and _fits(value):
            target[tag] = value
    details = target.get_ifd(_Ifd.Exif)
    for tag, value in source.get_ifd(_Ifd.Exif).items():
        if tag in _EXIF_TAGS and _fits(value) and not (private and tag in _PRIVATE_EXIF_TAGS):
            details[tag] = value
    if not private:
        position = {tag: value for tag, value in source.get_ifd(_Ifd.GPSInfo).items() if _fits(value)}
        if position:
            target.get_ifd(_Ifd.GPSInfo).update(position)
    target[_Base.Orientation] = 1
    target[_Base.Software] = SOFTWARE
    details[_Base.ExifImageWidth], details[_Base.ExifImageHeight] = size_px
    details[_Base.ColorSpace] = 1 if space is ColourSpace.SRGB else _UNCALIBRATED
    return _serialised(target)


def _tiff_exif(original: Path) -> Image.Exif | None:
    """EXIF of a TIFF-structured RAW file; None for other containers and for directories that do not read cleanly."""
    with original.open("rb") as file, warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        if file.read(4) not in {b"II*\0", b"MM\0*"}:
            return None
        file.seek(0)
        exif = Image.Exif()
        try:
            exif.load_from_fp(file)
            values = [*exif.items(), *exif.get_ifd(_Ifd.Exif).items(), *exif.get_ifd(_Ifd.GPSInfo).items()]
        except (OSError, ValueError, SyntaxError, KeyError, TypeError, EOFError, struct.error):
            return None
        return exif if values and not complaints else None


def _libraw_exif(raw: rawpy.RawPy) -> Image.Exif:
    exif = Image.Exif()
    details = exif.get_ifd(_Ifd.Exif)
    other = raw.other
    # Bounded above, too: damaged originals hold infinite values, which are no fractions.
    if 0 < other.shutter_speed < math.inf:
        details[_Base.ExposureTime] = _rational(other.shutter_speed, 100_000)
    if 0 < other.aperture < math.inf:
        details[_Base.FNumber] = _rational(other.aperture, 100)
    if 0 < other.focal_length < math.inf:
        details[_Base.FocalLength] = _rational(other.focal_length, 100)
    if 0 < other.iso_speed < math.inf:
        details[_Base.ISOSpeedRatings] = round(other.iso_speed)
    taken = _timestamp(other.timestamp)
    if taken:
        exif[_Base.DateTime] = details[_Base.DateTimeOriginal] = taken
    return exif


def _rational(value: float, finest: int) -> IFDRational:
    return IFDRational(Fraction(value).limit_denominator(finest))


def _timestamp(value: Any) -> str | None:
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromtimestamp(int(value or 0), tz=dt.UTC)
    return moment.strftime("%Y:%m:%d %H:%M:%S") if moment.year > 1970 else None


def _fits(value: object) -> bool:
    return not isinstance(value, str | bytes | tuple) or len(value) <= MAX_VALUE_BYTES


def _serialised(exif: Image.Exif) -> bytes:
    """Bytes of the block, without the values that Pillow cannot write: damaged originals hold all kinds."""
    block = _bytes_of(exif)
    if block is not None:
        return block
    for place in (None, _Ifd.Exif, _Ifd.GPSInfo):
        directory = exif if place is None else exif.get_ifd(place)
        for tag, value in list(directory.items()):
            if not _can_be_written(place, tag, value):
                del directory[tag]
    return _bytes_of(exif) or b""


def _can_be_written(place: int | None, tag: int, value: object) -> bool:
    """Whether a value is accepted where it stands: a tag's type depends on its directory."""
    alone = Image.Exif()
    (alone if place is None else alone.get_ifd(place))[tag] = value
    return _bytes_of(alone) is not None


def _bytes_of(exif: Image.Exif) -> bytes | None:
    try:
        return exif.tobytes()
    except Exception:  # noqa: BLE001  (struct.error, ValueError, TypeError, ZeroDivisionError …, by the kind of value)
        return None
