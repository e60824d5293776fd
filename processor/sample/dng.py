"""The DNG container around a mosaic: tags, thumbnail, preview and raw pixels, laid out as cameras write them.

tifffile would write the tags, but it places directories behind the pixels, has no EXIF and GPS directories, and wants
all tiles before it starts. Cameras put the directories first, which decides what a truncated file looks like, and a
45 MP file should not be held in memory: hence the writer of `tiff.py`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedWriter
from pathlib import Path
from typing import Final, Literal

import cv2
import imagecodecs
import numpy as np

from processor.sample import sensor, tiff
from processor.sample.tiff import Ifd, Type
from processor.types import Mosaic, Rgb8

Compression = Literal["none", "lossless-jpeg"]

TILE_PX: Final = 256
"""Edge of lossless-JPEG tiles, narrower in narrow images; equals the rows of a band: a band is a row of tiles."""

THUMBNAIL_PX: Final = 160
PREVIEW_QUALITY: Final = 88
_ALIGNMENT: Final = 16
"""Pixel data starts on this boundary, so that it can be mapped as uint16."""

MAKE: Final = "Rawmill"
MODEL: Final = "Sample R1"
LENS: Final = "Rawmill 24-70mm F2.8"
SERIAL_NUMBER: Final = "RM-000042"
OWNER: Final = "Rosa Miller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What the camera notes besides the pixels.

    Attributes:
        width_px, height_px: the mosaic's size.
        orientation: EXIF orientation, 1 to 8.
        pattern: the filter of each place of the 2×2 cell, row by row.
        taken: local date and time, "YYYY:MM:DD HH:MM:SS".
        exposure_s, f_number, iso, focal_length_mm: the exposure.
        position: latitude and longitude in degrees and altitude in metres, or None for no GPS directory.
    """

    width_px: int
    height_px: int
    orientation: int
    pattern: tuple[int, int, int, int]
    taken: str
    exposure_s: Fraction
    f_number: float
    iso: int
    focal_length_mm: int
    position: tuple[float, float, float] | None = None


def write_dng(
    path: Path, shot: Shot, bands: Iterator[Mosaic], *, compression: Compression, preview: Rgb8 | None, thumbnail: Rgb8
) -> None:
    """Write one DNG, whole or not at all.

    Args:
        path: replaced when it exists.
        bands: the mosaic in bands of TILE_PX rows, top to bottom.
        preview: H×W×3 sRGB to embed as JPEG, or None for none.
        thumbnail: H×W×3 sRGB, embedded uncompressed.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            _write(file, shot, bands, compression=compression, preview=preview, thumbnail=thumbnail)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(
    file: BufferedWriter,
    shot: Shot,
    bands: Iterator[Mosaic],
    *,
    compression: Compression,
    preview: Rgb8 | None,
    thumbnail: Rgb8,
) -> None:
    main, exif, raw = _main_ifd(shot, thumbnail), _exif_ifd(shot), _raw_ifd(shot, compression)
    gps = None if shot.position is None else _gps_ifd(shot, shot.position)
    small = None if preview is None else _preview_ifd(preview)
    ifds = [main, exif, raw] + [ifd for ifd in (gps, small) if ifd is not None]
    main.set(330, Type.LONG, *([0] if small is None else [0, 0]))
    main.set(34665, Type.LONG, 0)
    if gps is not None:
        main.set(34853, Type.LONG, 0)
    *offsets, data_start = tiff.place(ifds)
    at = dict(zip(map(id, ifds), offsets, strict=True))
    main.set(330, Type.LONG, *([at[id(raw)]] if small is None else [at[id(raw)], at[id(small)]]))
    main.set(34665, Type.LONG, at[id(exif)])
    if gps is not None:
        main.set(34853, Type.LONG, at[id(gps)])

    file.seek(data_start)
    main.set(273, Type.LONG, _append(file, thumbnail.tobytes()))
    if preview is not None and small is not None:
        jpeg = _jpeg(preview)
        small.set(273, Type.LONG, _append(file, jpeg))
        small.set(279, Type.LONG, len(jpeg))
    if compression == "none":
        _append_strip(file, raw, bands)
    else:
        _append_tiles(file, raw, bands)

    file.seek(0)
    file.write(tiff.header(offsets[0]))
    for ifd, offset in zip(ifds, offsets, strict=True):
        file.write(ifd.pack(offset))


def _main_ifd(shot: Shot, thumbnail: Rgb8) -> Ifd:
    height, width = thumbnail.shape[:2]
    ifd = Ifd()
    ifd.set(254, Type.LONG, 1)  # NewSubfileType: reduced resolution
    ifd.set(256, Type.LONG, width)
    ifd.set(257, Type.LONG, height)
    ifd.set(258, Type.SHORT, 8, 8, 8)
    ifd.set(259, Type.SHORT, 1)
    ifd.set(262, Type.SHORT, 2)  # PhotometricInterpretation: RGB
    ifd.set_text(271, MAKE)
    ifd.set_text(272, MODEL)
    ifd.set(273, Type.LONG, 0)
    ifd.set(274, Type.SHORT, shot.orientation)
    ifd.set(277, Type.SHORT, 3)
    ifd.set(278, Type.LONG, height)
    ifd.set(279, Type.LONG, thumbnail.nbytes)
    ifd.set(284, Type.SHORT, 1)
    ifd.set_text(305, "rawmill sample")
    ifd.set_text(306, shot.taken)
    ifd.set_text(315, OWNER)
    ifd.set_text(33432, "Public domain")
    ifd.set(50706, Type.BYTE, 1, 4, 0, 0)  # DNGVersion
    ifd.set(50707, Type.BYTE, 1, 1, 0, 0)  # DNGBackwardVersion
    ifd.set_text(50708, f"{MAKE} {MODEL}")
    ifd.set(50721, Type.SRATIONAL, *sensor.COLOUR_MATRIX.ravel().tolist())
    ifd.set(50728, Type.RATIONAL, *sensor.AS_SHOT_NEUTRAL.tolist())
    ifd.set(50730, Type.SRATIONAL, 0)  # BaselineExposure
    ifd.set_text(50735, SERIAL_NUMBER)
    ifd.set(50778, Type.SHORT, 21)  # CalibrationIlluminant1: D65
    return ifd


def _exif_ifd(shot: Shot) -> Ifd:
    ifd = Ifd()
    ifd.set(33434, Type.RATIONAL, shot.exposure_s)
    ifd.set(33437, Type.RATIONAL, shot.f_number)
    ifd.set(34855, Type.SHORT, shot.iso)
    ifd.set_bytes(36864, b"0230")
    ifd.set_text(36867, shot.taken)
    ifd.set_text(36868, shot.taken)
    ifd.set(37386, Type.RATIONAL, shot.focal_length_mm)
    ifd.set_text(42032, OWNER)
    ifd.set_text(42033, SERIAL_NUMBER)
    ifd.set_text(42036, LENS)
    return ifd


def _gps_ifd(shot: Shot, position: tuple[float, float, float]) -> Ifd:
    latitude, longitude, altitude_m = position
    date, time = shot.taken.split(" ")
    ifd = Ifd()
    ifd.set(0, Type.BYTE, 2, 3, 0, 0)
    ifd.set_text(1, "N" if latitude >= 0 else "S")
    ifd.set(2, Type.RATIONAL, *_degrees_minutes_seconds(latitude))
    ifd.set_text(3, "E" if longitude >= 0 else "W")
    ifd.set(4, Type.RATIONAL, *_degrees_minutes_seconds(longitude))
    ifd.set(5, Type.BYTE, 0 if altitude_m >= 0 else 1)
    ifd.set(6, Type.RATIONAL, abs(altitude_m))
    ifd.set(7, Type.RATIONAL, *map(int, time.split(":")))
    ifd.set_text(29, date)
    return ifd


def _degrees_minutes_seconds(degrees: float) -> tuple[int, int, Fraction]:
    hundredths = round(abs(degrees) * 360_000)
    minutes, seconds = divmod(hundredths, 6000)
    return minutes // 60, minutes % 60, Fraction(seconds, 100)


def _raw_ifd(shot: Shot, compression: Compression) -> Ifd:
    width, height = shot.width_px, shot.height_px
    ifd = Ifd()
    ifd.set(254, Type.LONG, 0)
    ifd.set(256, Type.LONG, width)
    ifd.set(257, Type.LONG, height)
    ifd.set(258, Type.SHORT, 16)
    ifd.set(262, Type.SHORT, 32803)  # PhotometricInterpretation: colour filter array
    ifd.set(277, Type.SHORT, 1)
    ifd.set(284, Type.SHORT, 1)
    if compression == "none":
        ifd.set(259, Type.SHORT, 1)
        ifd.set(273, Type.LONG, 0)
        ifd.set(278, Type.LONG, height)
        ifd.set(279, Type.LONG, width * height * 2)
    else:
        tiles = -(-width // _tile_width(width)) * -(-height // TILE_PX)
        ifd.set(259, Type.SHORT, 7)
        ifd.set(322, Type.LONG, _tile_width(width))
        ifd.set(323, Type.LONG, TILE_PX)
        ifd.set(324, Type.LONG, *[0] * tiles)
        ifd.set(325, Type.LONG, *[0] * tiles)
    ifd.set(33421, Type.SHORT, 2, 2)  # CFARepeatPatternDim
    ifd.set(33422, Type.BYTE, *shot.pattern)  # CFAPattern
    ifd.set(50710, Type.BYTE, 0, 1, 2)  # CFAPlaneColor
    ifd.set(50711, Type.SHORT, 1)  # CFALayout: rectangular
    ifd.set(50713, Type.SHORT, 1, 1)
    ifd.set(50714, Type.SHORT, sensor.BLACK)
    ifd.set(50717, Type.LONG, sensor.WHITE)
    ifd.set(50719, Type.LONG, 0, 0)  # DefaultCropOrigin
    ifd.set(50720, Type.LONG, width, height)  # DefaultCropSize
    ifd.set(50829, Type.LONG, 0, 0, height, width)  # ActiveArea
    return ifd


def _preview_ifd(preview: Rgb8) -> Ifd:
    height, width = preview.shape[:2]
    ifd = Ifd()
    ifd.set(254, Type.LONG, 1)
    ifd.set(256, Type.LONG, width)
    ifd.set(257, Type.LONG, height)
    ifd.set(258, Type.SHORT, 8, 8, 8)
    ifd.set(259, Type.SHORT, 7)
    ifd.set(262, Type.SHORT, 6)  # PhotometricInterpretation: YCbCr
    ifd.set(273, Type.LONG, 0)
    ifd.set(277, Type.SHORT, 3)
    ifd.set(278, Type.LONG, height)
    ifd.set(279, Type.LONG, 0)
    ifd.set(284, Type.SHORT, 1)
    ifd.set(530, Type.SHORT, 2, 2)  # YCbCrSubSampling
    ifd.set(531, Type.SHORT, 1)
    return ifd


def _append(file: BufferedWriter, data: bytes) -> int:
    offset = _align(file)
    file.write(data)
    return offset


def _align(file: BufferedWriter) -> int:
    file.write(bytes(-file.tell() % _ALIGNMENT))
    return file.tell()


def _append_strip(file: BufferedWriter, raw: Ifd, bands: Iterator[Mosaic]) -> None:
    # One strip, as cameras do: the whole mosaic is one run of bytes.
    raw.set(273, Type.LONG, _align(file))
    for band in bands:
        file.write(np.ascontiguousarray(band, "<u2").data)


def _append_tiles(file: BufferedWriter, raw: Ifd, bands: Iterator[Mosaic]) -> None:
    offsets: list[int] = []
    lengths: list[int] = []
    for band in bands:
        rows, columns = band.shape
        width = _tile_width(columns)
        padded = np.pad(band, ((0, TILE_PX - rows), (0, -columns % width)), mode="edge")
        for left in range(0, columns, width):
            data = _lossless_jpeg(padded[:, left : left + width])
            offsets.append(_append(file, data))
            lengths.append(len(data))
    raw.set(324, Type.LONG, *offsets)
    raw.set(325, Type.LONG, *lengths)


def _tile_width(image_width: int) -> int:
    # LibRaw misreads a tile that is wider than the image; TIFF 6.0 wants a multiple of 16.
    return min(TILE_PX, image_width // 16 * 16)


def _lossless_jpeg(tile: Mosaic) -> bytes:
    # Two rows side by side as one: the value above is then of the same colour, which predicts far better. DNG readers
    # fill a tile with the values in their order, whatever shape the JPEG claims.
    pairs = np.ascontiguousarray(tile).reshape(tile.shape[0] // 2, tile.shape[1] * 2)
    return bytes(imagecodecs.ljpeg_encode(pairs, bitspersample=sensor.BITS))


def _jpeg(picture: Rgb8) -> bytes:
    # 4:2:0 is what _preview_ifd declares.
    settings = [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    return bytes(data)
