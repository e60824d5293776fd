"""Unpacks DNG raw images of the forms that we know exactly: several times faster than LibRaw, the same bit for bit."""

import mmap
from pathlib import Path

import numpy as np

from processor.errors import ImageError, ReasonCode, Stage
from processor.types import Mosaic
from processor.unpack import ljpeg
from processor.unpack.dng import UNCOMPRESSED, RawImage


def unpack(path: Path, image: RawImage) -> Mosaic | None:
    """Read the stored mosaic.

    Args:
        path: the DNG.
        image: its raw image, of a form that we know.

    Returns:
        height × width uint16, C-contiguous; uncompressed data are mapped, read-only, not copied. None when a closer
        look shows something that we do not know after all: then LibRaw has to read the file.

    Raises:
        ImageError: at stage DECODE: TRUNCATED when pixel data lie beyond the end of the file, DAMAGED when a compressed
            stream contradicts itself.
    """
    size = path.stat().st_size
    for offset, count in zip(image.offsets, image.counts, strict=True):
        if offset + count > size:
            message = f"{path.name} has pixel data up to byte {offset + count}, but ends at byte {size}"
            raise ImageError(ReasonCode.TRUNCATED, message, stage=Stage.DECODE)
    if sum(image.counts) > size:
        return None  # chunks that lie over each other: a row of them could need any amount of memory
    return _map(path, image) if image.form == UNCOMPRESSED else _decode(path, image)


def _map(path: Path, image: RawImage) -> Mosaic | None:
    row_bytes = 2 * image.width
    place = image.offsets[0]
    start, left = place, image.height
    for offset, count in zip(image.offsets, image.counts, strict=True):
        rows = min(image.chunk_height, left)
        if offset != place or count != rows * row_bytes:
            return None
        place, left = place + count, left - rows
    if left or start % 2:  # numpy calls memory at odd addresses unaligned, which the kernels do not take
        return None
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mapped, "madvise") and hasattr(mmap, "MADV_SEQUENTIAL"):
        mapped.madvise(mmap.MADV_SEQUENTIAL)
    values = np.frombuffer(mapped, "<u2", count=image.width * image.height, offset=start)
    return values.reshape(image.height, image.width)


def let_go(values: Mosaic, first: int, last: int) -> None:
    """Drops lines of a mapped mosaic from this process's memory; the file still has them.

    Does nothing to values in memory of their own, and where the system knows no such advice.

    Args:
        values: from `unpack`.
        first, last: lines from the first to before the last.
    """
    mapped: object = values
    while isinstance(mapped, np.ndarray | memoryview):
        mapped = mapped.base if isinstance(mapped, np.ndarray) else mapped.obj
    if not isinstance(mapped, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    origin = values.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    begin = -(-(origin + first * values.strides[0]) // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (origin + last * values.strides[0]) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        mapped.madvise(mmap.MADV_DONTNEED, begin, end - begin)


def _decode(path: Path, image: RawImage) -> Mosaic | None:
    out = np.empty((image.height, image.width), np.uint16)
    across = -(-image.width // image.chunk_width)
    offsets, counts = np.array(image.offsets, np.int64), np.array(image.counts, np.int64)
    buffer = np.empty(max(int(counts[i : i + across].sum()) for i in range(0, counts.size, across)), np.uint8)
    # Row by row of tiles, so that only a small part of the compressed data is in memory at a time.
    with path.open("rb", buffering=0) as file:
        for first in range(0, counts.size, across):
            some = counts[first : first + across]
            ends = np.cumsum(some)
            for offset, count, end in zip(offsets[first : first + across], some, ends, strict=True):
                file.seek(int(offset))
                if file.readinto(buffer[end - count : end].data) != count:
                    message = f"{path.name} ends at byte {file.tell()}, within its pixel data"
                    raise ImageError(ReasonCode.TRUNCATED, message, stage=Stage.DECODE)
            top = first // across * image.chunk_height
            band = out[top : top + image.chunk_height]
            state = ljpeg.decode(buffer, ends - some, some, image.chunk_width, image.chunk_height, image.tiled, band)
            if state == ljpeg.UNUSUAL:
                return None
            if state == ljpeg.DAMAGED:
                message = f"{path.name} has broken lossless-JPEG data in the rows from {top} on"
                raise ImageError(ReasonCode.DAMAGED, message, stage=Stage.DECODE)
    return out
