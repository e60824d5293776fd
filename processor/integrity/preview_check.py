"""Does the developed frame show what the camera's own preview shows? Finds wrong crops, rotations and garbage."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import cv2
import numpy as np
import rawpy
from numpy.typing import NDArray

from processor.integrity.finding import Finding
from processor.integrity.frame_checks import small_luminance
from processor.integrity.tiff_walk import Walk
from processor.types import Verdict

LONG_EDGE_PX: Final = 48
"""Of the small pictures that are compared: large enough to tell scenes, small enough to forgive different tones."""

_SMALLEST_JPEG_BYTES: Final = 2_000
_LARGEST_JPEG_BYTES: Final = 1_000_000
_REDUCED_FROM_BYTES: Final = 100_000

_MIN_SPREAD: Final = 5.0
"""Standard deviation of 255 below which a picture has too little in it to compare."""

_MIN_CORRELATION: Final = 0.5
_MIN_LOCAL_CORRELATION: Final = 0.6
"""Of what stands out from its surroundings. Sky above and land below alone make photos correlate; details do not. The
eight photos of four cameras that were measured reach 0.84; the margin is for lens corrections and local contrast."""

_SURROUNDINGS_PX: Final = 1.5
_SAME_PICTURE: Final = 0.8
_CLEARLY_BETTER: Final = 0.15

Small = NDArray[np.float32]


def preview_luminance(raw: rawpy.RawPy, file: BinaryIO, walked: Walk | None) -> Small | None:
    """An embedded picture as a small grey one, as it is stored; None when there is none with something to see on it.

    A small JPEG or uncompressed thumbnail is taken before LibRaw's choice, which is the largest: decoding a full-size
    preview just to shrink it would cost more than all other checks together.
    """
    for offset, length in () if walked is None else walked.previews():
        if _SMALLEST_JPEG_BYTES <= length <= _LARGEST_JPEG_BYTES:
            file.seek(offset)
            small = _small_jpeg(file.read(length))
            if small is not None and small.std() >= _MIN_SPREAD:
                return small
    for offset, width, height in () if walked is None else walked.thumbnails():
        file.seek(offset)
        data = np.frombuffer(file.read(3 * width * height), np.uint8)
        if data.size == 3 * width * height > 0:
            small = small_luminance(data.reshape(height, width, 3), LONG_EDGE_PX)
            if small.std() >= _MIN_SPREAD:
                return small
    return _libraw_preview(raw)


def _libraw_preview(raw: rawpy.RawPy) -> Small | None:
    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    # A bare bitmap comes as an array of the size that the file claims, over memory of the size that it has: to read all
    # of it can end the process. Those whose bytes add up were found above.
    return None if thumbnail.format == rawpy.ThumbFormat.BITMAP else _small_jpeg(thumbnail.data)


def _small_jpeg(data: bytes) -> Small | None:
    if not data:
        return None
    # An eighth of a large JPEG costs a fraction of its decoding and is more than enough.
    scale = cv2.IMREAD_REDUCED_GRAYSCALE_8 if len(data) > _REDUCED_FROM_BYTES else cv2.IMREAD_REDUCED_GRAYSCALE_2
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), scale | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if picture is None else small_luminance(np.asarray(picture, np.uint8), LONG_EDGE_PX)


def unlike_preview(frame: Small, preview: Small, orientation: int) -> list[Finding]:
    """Compare two small grey pictures.

    Args:
        frame: the developed frame in the sensor's orientation, any small size.
        preview: as stored; cameras store it in the sensor's orientation, some converters upright.
        orientation: the file's EXIF orientation, 1 to 8.
    """
    frame = small_luminance(frame, LONG_EDGE_PX)
    if frame.std() < _MIN_SPREAD or preview.std() < _MIN_SPREAD:
        return []
    match = turn_correlations(frame, preview)
    expected, turn = max(match[1], match[orientation]), max(match, key=lambda key: match[key])
    sentence = f"The frame does not look like the embedded preview: correlation {expected:.2f}, photos reach above 0.9"
    if match[turn] > max(_SAME_PICTURE, expected + _CLEARLY_BETTER):
        return [Finding(Verdict.SUSPECT, f"{sentence}. Turned as by orientation {turn} it does ({match[turn]:.2f}).")]
    if expected < _MIN_CORRELATION:
        return [Finding(Verdict.SUSPECT, f"{sentence}.")]
    turn = 1 if match[1] >= match[orientation] else orientation
    local = local_correlation(_upright(frame, turn), preview)
    if local >= _MIN_LOCAL_CORRELATION:
        return []
    return [
        Finding(
            Verdict.SUSPECT,
            f"The frame does not show the details of the embedded preview: local correlation {local:.2f}, photos reach "
            "above 0.8.",
        )
    ]


def turn_correlations(frame: Small, preview: Small) -> dict[int, float]:
    """How well a frame fits a preview after applying each EXIF orientation, 1 to 8.

    Rank correlation: cameras and decoders use different tone curves, which keep the order of brightnesses.
    """
    frame, preview = _ranks(frame), _ranks(preview)
    return {turn: _best_correlation(_upright(frame, turn), preview) for turn in range(1, 9)}


def local_correlation(frame: Small, preview: Small) -> float:
    """How well the details of two pictures agree, leaving out broad light and shade."""
    return max(
        _correlation(_details(first), _details(cv2.resize(np.ascontiguousarray(second), first.shape[::-1])))
        for first, second in _fits(frame, preview)
    )


def _details(picture: Small) -> Small:
    ranks = _ranks(picture)
    return np.asarray(ranks - cv2.GaussianBlur(ranks, (0, 0), _SURROUNDINGS_PX), np.float32)


def _ranks(picture: Small) -> Small:
    order = np.argsort(picture, axis=None)
    ranks = np.empty(picture.size, np.float32)
    ranks[order] = np.arange(picture.size)
    return ranks.reshape(picture.shape)


def _upright(picture: Small, orientation: int) -> Small:
    """Apply an EXIF orientation (EXIF 2.3, 4.6.4 A)."""
    if orientation in {2, 3, 6, 7}:
        picture = picture[:, ::-1] if orientation in {2, 3} else picture[::-1]
    if orientation in {3, 4, 7, 8}:
        picture = picture[::-1] if orientation in {3, 4} else picture[:, ::-1]
    return picture.T if orientation >= 5 else picture


def _best_correlation(one: Small, other: Small) -> float:
    """Stretched onto each other, or with the longer one's ends cut off, whichever fits better."""
    return max(_correlation(first, second) for first, second in _fits(one, other))


def _fits(one: Small, other: Small) -> Iterator[tuple[Small, Small]]:
    yield one, other
    ratio = (one.shape[1] / one.shape[0]) / (other.shape[1] / other.shape[0])
    if not 0.97 < ratio < 1.03:
        yield _cut_to(one, other.shape[1] / other.shape[0]), other
        yield one, _cut_to(other, one.shape[1] / one.shape[0])


def _cut_to(picture: Small, aspect: float) -> Small:
    height, width = picture.shape
    if width / height > aspect:
        keep = max(2, round(height * aspect))
        return picture[:, (width - keep) // 2 :][:, :keep]
    keep = max(2, round(width / aspect))
    return picture[(height - keep) // 2 :][:keep]


def _correlation(one: Small, other: Small) -> float:
    height, width = one.shape
    stretched = cv2.resize(np.ascontiguousarray(other), (width, height), interpolation=cv2.INTER_LINEAR)
    first, second = one - one.mean(), stretched - stretched.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum() + 1e-9))
