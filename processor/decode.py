"""The decode stage: from an opened original to 8-bit RGB, by the path that the plan chose."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
import rawpy

from processor import demosaic
from processor.colour import camera_to_output
from processor.errors import ImageError, ReasonCode, Stage
from processor.header import SQUARE_PIXELS, ImageHeader
from processor.libraw import words_of
from processor.original import Original
from processor.preview import decode_preview, shows_whole
from processor.types import SIDEWAYS, ColourSpace, DecodePath, Frame, Rgb8
from processor.unpack.fast import let_go
from processor.unpack.sensor import check_levels, read_sensor

_LIBRAW_SPACE: Final = {ColourSpace.SRGB: rawpy.ColorSpace.sRGB, ColourSpace.DISPLAY_P3: rawpy.ColorSpace.P3D65}

_LIBRAW_OPTIONS: Final[dict[DecodePath, dict[str, Any]]] = {
    DecodePath.LIBRAW_HALF: {"half_size": True},
    DecodePath.PPG: {"demosaic_algorithm": rawpy.DemosaicAlgorithm.PPG},
    DecodePath.AHD: {"demosaic_algorithm": rawpy.DemosaicAlgorithm.AHD},
}

_KERNELS: Final = {DecodePath.HALF: demosaic.half_size, DecodePath.FULL: demosaic.full_size}


def available_paths(header: ImageHeader) -> frozenset[DecodePath]:
    """The decode paths that a file allows: LibRaw's always, a preview if any, our kernels for plain Bayer."""
    paths = set(_LIBRAW_OPTIONS)
    if header.preview_px is not None:
        paths.add(DecodePath.PREVIEW)
    if header.bayer is not None and header.plain:
        paths |= {DecodePath.HALF, DecodePath.FULL}
    return frozenset(paths)


def decode(original: Original, path: DecodePath, colour_space: ColourSpace) -> Frame:
    """Develop an original.

    Args:
        original: the opened file.
        path: how; one of `available_paths` of its header.
        colour_space: what the pixels shall mean. A preview keeps the camera's own colours, which are sRGB.

    Returns:
        The frame, not rotated: its orientation says what still has to be applied.

    Raises:
        ImageError: at stage DECODE, with one of TRUNCATED, DAMAGED, UNSUPPORTED_CODEC, TOO_LARGE or OUT_OF_MEMORY.
    """
    header = original.header
    if path not in available_paths(header):
        allowed = ", ".join(sorted(available_paths(header)))
        message = f"{original.path.name} cannot be decoded by {path.value}; its header allows {allowed}"
        raise ImageError(ReasonCode.UNSUPPORTED_CODEC, message, stage=Stage.DECODE)
    with _errors_as_reasons(original.path.name):
        if path is DecodePath.PREVIEW:
            return _preview(original)
        make = _develop if path in _KERNELS else _libraw
        pixels = make(original, path, colour_space)
    return Frame(
        pixels=pixels,
        orientation=header.orientation,
        colour_space=colour_space,
        decode_path=path,
        full_size_px=developed_size(header),
    )


def developed_size(header: ImageHeader) -> tuple[int, int]:
    """(width, height) of the full-size picture in the sensor's orientation, with square pixels.

    LibRaw stretches the shorter side of pixels that are not square: height when the aspect is below 1, else width.
    """
    width, height, aspect = header.width_px, header.height_px, header.pixel_aspect
    if aspect < SQUARE_PIXELS[0]:
        return width, int(height / aspect + 0.5)
    if aspect > SQUARE_PIXELS[1]:
        return int(width * aspect + 0.5), height
    return width, height


def _develop(original: Original, path: DecodePath, colour_space: ColourSpace) -> Rgb8:
    sensor = read_sensor(original)
    return _KERNELS[path](
        sensor.values,
        window=sensor.window,
        pattern=sensor.pattern,
        black=sensor.black,
        scale=sensor.scale,
        matrix=camera_to_output(sensor.camera_to_srgb, colour_space),
        let_go=partial(let_go, sensor.values),
    )


def _libraw(original: Original, path: DecodePath, colour_space: ColourSpace) -> Rgb8:
    raw = original.raw
    check_levels(original.path.name, raw.black_level_per_channel, raw.white_level)
    pixels = raw.postprocess(
        use_camera_wb=True,
        no_auto_bright=True,  # brightness must not depend on the picture, or a batch flickers
        adjust_maximum_thr=0,  # nor must the white level
        gamma=(2.4, 12.92),
        user_flip=0,
        output_bps=8,
        output_color=_LIBRAW_SPACE[colour_space],
        **_LIBRAW_OPTIONS[path],
    )
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.asarray(pixels, np.uint8)


def _preview(original: Original) -> Frame:
    header = original.header
    pixels = decode_preview(original.raw)
    if pixels is None:
        raise ImageError(ReasonCode.DAMAGED, f"{original.path.name} has a broken preview", stage=Stage.DECODE)
    size = developed_size(header)
    orientation = header.orientation
    # Most cameras store the preview as the sensor saw it; one that stands upright already must not be turned again.
    if orientation in SIDEWAYS and not shows_whole((pixels.shape[1], pixels.shape[0]), *size):
        orientation, size = 1, size[::-1]
    return Frame(
        pixels=pixels,
        orientation=orientation,
        colour_space=ColourSpace.SRGB,
        decode_path=DecodePath.PREVIEW,
        full_size_px=size,
    )


@contextmanager
def _errors_as_reasons(name: str) -> Iterator[None]:
    """Turn what LibRaw and numpy raise into reason codes."""
    try:
        yield
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawMemPoolOverflowError, MemoryError, cv2.error) as error:
        raise _failed(ReasonCode.OUT_OF_MEMORY, f"{name} needs more memory than there is") from error
    except rawpy.LibRawTooBigError as error:
        raise _failed(ReasonCode.TOO_LARGE, f"{name} needs more memory than LibRaw allows for one file") from error
    except rawpy.LibRawIOError as error:
        raise _failed(ReasonCode.TRUNCATED, f"{name} ends before its pixels do") from error
    except rawpy.LibRawFileUnsupportedError as error:
        raise _failed(
            ReasonCode.UNSUPPORTED_CODEC, f"{name} is compressed in a way that LibRaw cannot decode"
        ) from error
    except rawpy.LibRawError as error:
        raise _failed(ReasonCode.DAMAGED, f"{name} has errors in its pixel data: {words_of(error)}") from error
    except OSError as error:
        if error.errno == errno.ENOMEM or (error.args and error.args[0] == (errno.ENOMEM, "Cannot allocate memory")):
            raise _failed(ReasonCode.OUT_OF_MEMORY, f"{name} needs more memory than there is") from error
        raise _failed(ReasonCode.TRUNCATED, f"{name} cannot be read to its end: {error}") from error


def _failed(reason: ReasonCode, message: str) -> ImageError:
    return ImageError(reason, message, stage=Stage.DECODE)
