"""Puts the checks together: what costs nothing before decoding, what needs the developed frame after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import rawpy

from processor.errors import ImageError, ReasonCode, Stage
from processor.integrity import frame_checks, preview_check
from processor.integrity.file_checks import find_in_file
from processor.integrity.finding import Finding, Inspection, sum_up
from processor.integrity.tiff_walk import Walk, walk
from processor.original import Original
from processor.types import DecodePath, Frame


def inspect_file(path: Path) -> Inspection:
    """Check a file's structure without decoding it; a few milliseconds, whatever its size.

    Returns:
        The verdict, a sentence for each finding, worst first, and why the file is refused if it is.

    Raises:
        ImageError: UNREADABLE when the file cannot be read.
    """
    with _opened(path) as (file, size_bytes):
        return sum_up(find_in_file(file, size_bytes, walk(file, size_bytes)))


def inspect(original: Original, frame: Frame | None) -> Inspection:
    """Check an opened original: the file's structure, its size against its header, and the frame once there is one.

    Args:
        original: its handle is only asked to unpack when the frame has constant rows.
        frame: the developed frame, or None before decoding. One made of the preview says nothing of the raw pixels.

    Returns:
        The verdict, a sentence for each finding, worst first, and why the file is refused if it is.

    Raises:
        ImageError: UNREADABLE when the file cannot be read.
    """
    with _opened(original.path) as (file, size_bytes):
        walked = walk(file, size_bytes)
        findings = find_in_file(file, size_bytes, walked)
        findings += frame_checks.too_few_bits(original.header.size_bytes, original.header.pixels)
        if frame is not None and frame.decode_path is not DecodePath.PREVIEW:
            findings += _frame_findings(original, frame, file, walked)
    return sum_up(findings)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its length in bytes."""
    try:
        with path.open("rb") as file:
            yield file, path.stat().st_size
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(ReasonCode.UNREADABLE, f"{path} cannot be read: {reason}", stage=Stage.READ) from error


def _frame_findings(original: Original, frame: Frame, file: BinaryIO, walked: Walk | None) -> list[Finding]:
    pixels = frame.pixels
    if frame_checks.is_constant(pixels):
        return frame_checks.one_colour(frame, _sensor_values(original.raw))
    findings: list[Finding] = []
    constant, tail = frame_checks.constant_rows(pixels), frame_checks.constant_tail(pixels)
    if constant.mean() >= frame_checks.FEW_ROWS_SHARE or tail >= frame_checks.TAIL_ROWS:
        findings += frame_checks.dead_rows(frame, _sensor_values(original.raw), constant, tail)
    small = frame_checks.small_luminance(pixels, frame_checks.NOISE_LONG_EDGE_PX)
    findings += frame_checks.pure_noise(small)
    preview = preview_check.preview_luminance(original.raw, file, walked)
    if preview is not None:
        findings += preview_check.unlike_preview(small, preview, original.header.orientation)
    return findings


def _sensor_values(raw: rawpy.RawPy) -> frame_checks.SensorValues:
    # With its masked borders: after LibRaw's half-size development, rawpy's view without them is a corner of it.
    mosaic = raw.raw_image
    if mosaic.ndim == 3:
        # Linear DNG and Foveon: one plane is as good as all.
        mosaic = mosaic[..., 0]
    return frame_checks.SensorValues(np.asarray(mosaic), raw.white_level)
