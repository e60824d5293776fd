"""Checks that need no pixel: does the file hold what its own headers promise? Costs a few small reads."""

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from processor.errors import ReasonCode
from processor.integrity.finding import Finding
from processor.integrity.tiff_walk import Directory, Tag, Walk
from processor.types import Verdict

_UNKNOWN: Final = 0xFFFFFFFF
"""What some cameras write for an offset that another tag gives."""

_NO_COMPRESSION, _JPEG, _OLD_JPEG = 1, 7, 6
_CFA: Final = 32803
_HIGHEST_CFA_COLOUR: Final = 6
"""DNG's CFAPattern counts red, green, blue, cyan, magenta, yellow and white as 0 to 6 (TIFF/EP)."""

_PROBES: Final = 48
"""JPEG segments whose first and last bytes are looked at, evenly spread."""

_TAIL_BYTES: Final = 512
"""Cameras pad a JPEG up to a sector; its end marker stands somewhere in there."""


def find_in_file(file: BinaryIO, size_bytes: int, walked: Walk | None) -> list[Finding]:
    """All findings from a file's structure alone. An unknown container gives none.

    Args:
        file: opened for reading.
        size_bytes: its length.
        walked: its directories when it is TIFF-based, else None.
    """
    if walked is not None:
        return list(_tiff_findings(file, walked, size_bytes))
    return [*_box_findings(file, size_bytes), *_raf_findings(file, size_bytes)]


def _tiff_findings(file: BinaryIO, walked: Walk, size_bytes: int) -> Iterator[Finding]:
    if walked.outside:
        # Without any readable directory nothing can be right; a stray link at the end of a chain may be harmless.
        verdict = Verdict.SUSPECT if walked.directories else Verdict.DAMAGED
        yield Finding(
            verdict,
            f"{len(walked.outside)} directories lie outside the file: the first is said to be at byte "
            f"{walked.outside[0]:,} of {size_bytes:,}.",
            ReasonCode.TRUNCATED,
        )
    for directory in walked.directories:
        yield from _segments_beyond_end(directory, size_bytes, is_plain_tiff=walked.is_plain_tiff)
        yield from _jpeg_without_end(file, directory, size_bytes)
    if walked.is_dng:
        for directory in walked.directories:
            yield from _impossible_dng(directory)


def _segments_beyond_end(directory: Directory, size_bytes: int, *, is_plain_tiff: bool) -> Iterator[Finding]:
    segments = [(offset, length) for offset, length in directory.segments() if _UNKNOWN not in {offset, length}]
    beyond = [(offset, length) for offset, length in segments if length and offset + length > size_bytes]
    if not beyond:
        return
    missing = sum(offset + length - max(offset, size_bytes) for offset, length in beyond)
    total = sum(length for _, length in segments)
    what, verdict = "preview", Verdict.SUSPECT
    if not directory.is_reduced:
        what = "raw image"
        # Panasonic and Olympus give TIFF's tags meanings of their own.
        verdict = Verdict.DAMAGED if is_plain_tiff else Verdict.SUSPECT
    yield Finding(
        verdict,
        f"{missing:,} of {total:,} bytes of the {what} are missing: {len(beyond)} of {len(segments)} strips or tiles "
        f"reach beyond the end of the file at byte {size_bytes:,}.",
        ReasonCode.TRUNCATED,
    )


def _jpeg_without_end(file: BinaryIO, directory: Directory, size_bytes: int) -> Iterator[Finding]:
    if directory.integer(Tag.COMPRESSION, 0) not in {_JPEG, _OLD_JPEG}:
        return
    inside = [(offset, length) for offset, length in directory.segments() if 4 <= length <= size_bytes - offset]
    step = max(1, len(inside) // _PROBES)
    probed = inside[::step] + inside[-1:]
    headless = sum(_lacks_start(file, offset) for offset, _ in probed)
    endless = sum(_lacks_end(file, offset, length) for offset, length in probed)
    what = "preview" if directory.is_reduced else "raw image"
    if headless:
        verdict = Verdict.SUSPECT if directory.is_reduced else Verdict.DAMAGED
        yield Finding(
            verdict,
            f"{headless} of {len(probed)} JPEG streams looked at in the {what} do not start as JPEG does (FF D8).",
        )
    elif endless:
        yield Finding(
            Verdict.SUSPECT,
            f"{endless} of {len(probed)} JPEG streams looked at in the {what} have no end marker (FF D9).",
        )


def _lacks_start(file: BinaryIO, offset: int) -> bool:
    file.seek(offset)
    # The Kodak DC120 stores its JPEG with the bytes of each word swapped.
    return file.read(2) not in {b"\xff\xd8", b"\xd8\xff"}


def _lacks_end(file: BinaryIO, offset: int, length: int) -> bool:
    file.seek(offset)
    marker = b"\xd9\xff" if file.read(2) == b"\xd8\xff" else b"\xff\xd9"
    file.seek(offset + max(2, length - _TAIL_BYTES))
    return marker not in file.read(min(length, _TAIL_BYTES))


def _impossible_dng(directory: Directory) -> Iterator[Finding]:
    if directory.integer(Tag.PHOTOMETRIC, 0) != _CFA:
        return
    yield from _impossible_size(directory)
    yield from _impossible_levels(directory)
    colours = directory.integers(Tag.CFA_PATTERN)
    if any(colour > _HIGHEST_CFA_COLOUR for colour in colours):
        yield Finding(Verdict.DAMAGED, f"CFAPattern is {colours}; colours are numbered 0 to {_HIGHEST_CFA_COLOUR}.")


def _impossible_size(directory: Directory) -> Iterator[Finding]:
    width, height = directory.integer(Tag.IMAGE_WIDTH, 0), directory.integer(Tag.IMAGE_LENGTH, 0)
    if width == 0 or height == 0:
        yield Finding(Verdict.DAMAGED, f"The raw image is {width}×{height} pixels; both must be more than 0.")
        return
    area = directory.integers(Tag.ACTIVE_AREA)
    top, left, bottom, right = area if len(area) == 4 else (0, 0, height, width)
    if not (top < bottom <= height and left < right <= width):
        yield Finding(
            Verdict.DAMAGED,
            f"ActiveArea ({top}, {left}, {bottom}, {right}) is not inside the raw image of {width}×{height} pixels.",
        )
        return
    origin, crop = directory.values.get(Tag.DEFAULT_CROP_ORIGIN, ()), directory.values.get(Tag.DEFAULT_CROP_SIZE, ())
    x, y = origin if len(origin) == 2 else (0.0, 0.0)
    if len(crop) == 2 and (x + crop[0] > right - left or y + crop[1] > bottom - top):
        yield Finding(
            Verdict.DAMAGED,
            f"The crop of {crop[0]:g}×{crop[1]:g} pixels at ({x:g}, {y:g}) reaches out of the active area of "
            f"{right - left}×{bottom - top} pixels.",
        )
    yield from _too_few_bytes(directory, width, height)


def _too_few_bytes(directory: Directory, width: int, height: int) -> Iterator[Finding]:
    if directory.integer(Tag.COMPRESSION, 0) != _NO_COMPRESSION:
        return
    bits = directory.integer(Tag.BITS_PER_SAMPLE, 0) * directory.integer(Tag.SAMPLES_PER_PIXEL, 1)
    needed = math.ceil(width * bits / 8) * height
    stored = sum(length for _, length in directory.segments())
    if stored < needed:
        yield Finding(
            Verdict.DAMAGED,
            f"{width}×{height} uncompressed pixels of {bits} bits need {needed:,} bytes; the strips hold {stored:,}.",
        )


def _impossible_levels(directory: Directory) -> Iterator[Finding]:
    black = max(directory.values.get(Tag.BLACK_LEVEL) or (0.0,))
    white = min(directory.values.get(Tag.WHITE_LEVEL) or (math.inf,))
    if black >= white:
        yield Finding(
            Verdict.DAMAGED, f"The black level {black:g} is not below the white level {white:g}: nothing lies between."
        )


def _box_findings(file: BinaryIO, size_bytes: int) -> Iterator[Finding]:
    """Canon CR3 and its kin: a row of boxes, each with its length (ISO/IEC 14496-12, 4.2)."""
    file.seek(0)
    if file.read(8)[4:] != b"ftyp":
        return
    offset, boxes = 0, 0
    while offset + 8 <= size_bytes and boxes < 1024:
        file.seek(offset)
        length, kind, wide = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if length == 1:
            length = wide
        if length == 0:
            return
        if length < 8 or offset + length > size_bytes:
            yield Finding(
                Verdict.DAMAGED,
                f"Box {kind.decode('latin-1')!r} at byte {offset:,} claims {length:,} bytes; the file ends at "
                f"{size_bytes:,}.",
                ReasonCode.TRUNCATED,
            )
            return
        offset, boxes = offset + length, boxes + 1


def _raf_findings(file: BinaryIO, size_bytes: int) -> Iterator[Finding]:
    """Fujifilm RAF: three pairs of offset and length at byte 84: preview, sensor header, sensor data."""
    file.seek(0)
    head = file.read(108)
    if len(head) < 108 or not head.startswith(b"FUJIFILMCCD-RAW "):
        return
    preview, preview_bytes, header, header_bytes, raw, raw_bytes = struct.unpack_from(">6I", head, 84)
    for what, offset, length, verdict in (
        ("preview", preview, preview_bytes, Verdict.SUSPECT),
        ("sensor header", header, header_bytes, Verdict.DAMAGED),
        ("raw image", raw, raw_bytes, Verdict.DAMAGED),
    ):
        if offset + length > size_bytes:
            yield Finding(
                verdict,
                f"The {what} should reach from byte {offset:,} to {offset + length:,}; the file has {size_bytes:,}.",
                ReasonCode.TRUNCATED,
            )
