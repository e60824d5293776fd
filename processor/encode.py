"""Fifth stage: pixels to the bytes of a JPEG, PNG, WebP or AVIF file, with colour profile and EXIF."""

import io
from typing import Any

from PIL import Image, features

from processor.errors import ImageError, ReasonCode, Stage
from processor.recipe import Format, Rendition
from processor.types import Rgb8

EXTENSION = {Format.JPEG: "jpg", Format.PNG: "png", Format.WEBP: "webp", Format.AVIF: "avif"}


def available_formats() -> tuple[Format, ...]:
    """The formats that this installation can write."""
    return tuple(kind for kind in Format if kind in {Format.JPEG, Format.PNG} or features.check(kind.value))


def encode(pixels: Rgb8, rendition: Rendition, *, icc_profile: bytes, exif: bytes) -> bytes:
    """The file's bytes.

    JPEG is 4:2:0. PNG uses Huffman coding only: photographic noise does not repeat, so searching for matches costs
    five times as long and makes the file larger.

    Args:
        pixels: H×W×3 uint8 in the colour space of `icc_profile`.
        rendition: format and quality.
        icc_profile: embedded as it is.
        exif: an EXIF block without the JPEG marker; empty for none.

    Raises:
        ImageError: the encoder refused (a side above 65 535 px for JPEG, 16 383 px for WebP).
    """
    options: dict[str, Any] = {"icc_profile": icc_profile}
    if exif:
        options["exif"] = exif
    match rendition.format:
        case Format.JPEG:
            options |= {"quality": rendition.quality, "subsampling": "4:2:0", "progressive": rendition.progressive}
        case Format.PNG:
            options |= {"compress_level": 1, "compress_type": 2}
        case Format.WEBP:
            options |= {"quality": rendition.quality, "method": 2}
        case Format.AVIF:
            options |= {"quality": rendition.quality, "speed": 8, "max_threads": 1}
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels).save(buffer, rendition.format.value, **options)
    except (OSError, ValueError) as error:
        message = f"{rendition.name}: {rendition.format.value} encoder: {error}"
        raise ImageError(ReasonCode.INTERNAL_ERROR, message, stage=Stage.ENCODE) from error
    return buffer.getvalue()
