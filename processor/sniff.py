"""Why LibRaw refused a file: another format, cut off, broken, or a camera that LibRaw does not know."""

import mmap
import struct
from pathlib import Path

from processor.errors import ImageError, ReasonCode, Stage
from processor.unpack.tiff import TiffError, byte_order, directories

_OTHER_FORMATS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "a HEIF picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftyp", "a video or another ISO media file"),
    (0, b"BM", "a BMP picture"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
)

_RAW_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (0, b"IIU\0"),  # Panasonic
    (0, b"IIRO"),  # Olympus
    (0, b"IIRS"),
    (0, b"MMOR"),
    (4, b"ftypcrx"),  # Canon CR3
    (0, b"FUJIFILM"),
    (0, b"FOVb"),  # Sigma
    (0, b"\0MRM"),  # Minolta
    (0, b"ARRI"),
    (0, b"GPRS"),
)
_CIFF = b"HEAPCCDR"

_MAKE, _DNG_VERSION = 271, 50706


def explain_refusal(path: Path, *, damaged: bool) -> ImageError:
    """The error for a file that LibRaw could not open.

    Args:
        path: the file, known to be readable and not empty.
        damaged: LibRaw found errors in the data rather than an unknown format.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            reason, message = _reason(view, damaged=damaged)
        finally:
            view.release()
    return ImageError(reason, f"{path.name} {message}", stage=Stage.READ)


def foreign_format(head: bytes) -> str | None:
    """What a file that begins with these bytes is when it is surely no camera RAW, as `is a PDF document`; else None.

    None promises nothing: LibRaw knows formats that are not listed here. Needs the first 32 bytes of the file.
    """
    if head[6:14] == _CIFF or byte_order(memoryview(head)) is not None or _has_raw_signature(head):
        return None
    for at, magic, name in _OTHER_FORMATS:
        if head[at : at + len(magic)] == magic:
            return f"is {name}"
    if not head.strip(b"\0"):
        return "begins with zeros only"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head):
        return "is text"
    return None


def _has_raw_signature(head: bytes) -> bool:
    return any(head[at : at + len(magic)] == magic for at, magic in _RAW_SIGNATURES)


def _reason(data: memoryview, *, damaged: bool) -> tuple[ReasonCode, str]:
    head = bytes(data[:32])
    if head[6:14] == _CIFF:
        return _ciff_reason(data)
    if byte_order(data) is not None:
        return _tiff_reason(data, damaged=damaged)
    if _has_raw_signature(head):
        if damaged:
            return ReasonCode.DAMAGED, "is a camera RAW with errors in its header"
        return (
            ReasonCode.UNSUPPORTED_CODEC,
            "is a camera RAW of a kind that LibRaw cannot decode, or only its beginning",
        )
    foreign = foreign_format(head)
    if foreign is not None:
        return ReasonCode.NOT_AN_IMAGE, f"is not a camera RAW: it {foreign}"
    return ReasonCode.NOT_AN_IMAGE, "is not a camera RAW: its first bytes are those of no known format"


def _ciff_reason(data: memoryview) -> tuple[ReasonCode, str]:
    """Canon's CIFF has its directory at the end: the last four bytes say where, counted from the end of the header."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    if len(data) >= 18:
        (header,) = struct.unpack_from(f"{order}I", data, 2)
        (offset,) = struct.unpack_from(f"{order}I", data, len(data) - 4)
        place = header + offset
        if place + 2 <= len(data) - 4:
            (count,) = struct.unpack_from(f"{order}H", data, place)
            if count > 0 and place + 2 + 10 * count <= len(data) - 4:
                return ReasonCode.UNSUPPORTED_CODEC, "is a Canon RAW of a camera that LibRaw does not know"
    return ReasonCode.TRUNCATED, f"is a Canon RAW whose directory, at its end, is missing: cut off at {len(data)} bytes"


def _tiff_reason(data: memoryview, *, damaged: bool) -> tuple[ReasonCode, str]:
    try:
        found = directories(data)
    except TiffError as error:
        if error.beyond_end:
            return ReasonCode.TRUNCATED, f"is cut off at {len(data)} bytes: {error}"
        return ReasonCode.DAMAGED, f"has a broken header: {error}"
    if damaged:
        return ReasonCode.DAMAGED, "has errors in its header"
    make = next((d.text(_MAKE) for d in found if d.text(_MAKE)), "")
    if make or any(_DNG_VERSION in d for d in found):
        return (
            ReasonCode.UNSUPPORTED_CODEC,
            f"of {make or 'an unnamed camera'} is stored in a way that LibRaw cannot decode",
        )
    return ReasonCode.NOT_AN_IMAGE, "is not a camera RAW: it is a TIFF picture"
