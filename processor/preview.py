"""The JPEG that a camera embeds in its RAW files: how large it is, and its pixels."""

import struct

import cv2
import numpy as np
import rawpy

from processor.types import Rgb8

_ASPECT_TOLERANCE = 0.03
"""Previews may be cropped by some rows; one that differs more shows another picture, or black bars."""

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END = 0xDA, 0xD9


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) from a JPEG's frame header, or None when it has none (ITU-T T.81, B.2.2)."""
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF or marker in _STANDALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return (width, height) if width and height else None
        if marker in (_START_OF_SCAN, _END):
            return None
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None


def read_preview_size(raw: rawpy.RawPy, width: float, height: float) -> tuple[int, int] | None:
    """Size of the largest embedded JPEG that shows the whole picture.

    Args:
        raw: the opened file.
        width, height: the picture's shape in the sensor's orientation; only their ratio matters.

    Returns:
        (width, height) as stored, or None without a usable JPEG. A broken preview is no reason to refuse the file.
    """
    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawError, OSError, NotImplementedError):
        return None
    if thumbnail.format is not rawpy.ThumbFormat.JPEG:
        return None
    size = jpeg_size(thumbnail.data)
    if size is None or not (shows_whole(size, width, height) or shows_whole(size[::-1], width, height)):
        return None
    return size


def shows_whole(size: tuple[int, int], width: float, height: float) -> bool:
    """Whether a picture of this size has the shape width : height."""
    return abs(size[0] * height / (size[1] * width) - 1) <= _ASPECT_TOLERANCE


def decode_preview(raw: rawpy.RawPy) -> Rgb8 | None:
    """Pixels of the embedded JPEG as stored, whatever its EXIF says of orientation; None when it cannot be decoded."""
    thumbnail = raw.extract_thumb()
    data = np.frombuffer(thumbnail.data, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if pixels is None else np.asarray(pixels, np.uint8)
