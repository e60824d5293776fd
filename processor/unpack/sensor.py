"""Sensor values of an original, with what is needed to develop them: by our own unpackers where they know the form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processor.errors import ImageError, ReasonCode, Stage
from processor.original import Original
from processor.types import Mosaic
from processor.unpack.fast import unpack


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """Unpacked sensor values. They may lie in LibRaw's memory: use them only while the original is open.

    Attributes:
        values: the whole stored mosaic, uint16, C-contiguous.
        window: top, left, height and width of the visible area in it.
        pattern: colour index of the window's first 2×2 block, row-major: 0 = R, 1 = G, 2 = B, 3 = second G.
        black: black level by colour index.
        scale: factor by colour index that takes a value above black to linear light. The colour with the smallest
            balance reaches 1 at the white level; the others go beyond and are clipped, so what is blown is neutral.
        camera_to_srgb: 3×3, balanced camera RGB to linear sRGB.
    """

    values: Mosaic
    window: tuple[int, int, int, int]
    pattern: tuple[int, int, int, int]
    black: NDArray[np.float32]
    scale: NDArray[np.float32]
    camera_to_srgb: NDArray[np.float64]


def read_sensor(original: Original) -> Sensor:
    """Unpack a Bayer original.

    Raises:
        ImageError: UNSUPPORTED_CODEC without a Bayer mosaic; DAMAGED when its black level is not below white; those of
            `unpack`. LibRaw's own errors pass through.
    """
    header, facts, raw = original.header, original.facts, original.raw
    if header.bayer is None or facts is None:
        raise ImageError(ReasonCode.UNSUPPORTED_CODEC, f"{original.path.name} has no Bayer mosaic", stage=Stage.DECODE)
    values = None
    if original.dng is not None and header.fast_unpack is not None:
        values = unpack(original.path, original.dng)
    if values is not None and original.dng is not None:
        site_black = dict(zip(header.bayer, original.dng.black, strict=True))
        black, white = [site_black[colour] for colour in range(4)], original.dng.white
    else:
        values = raw.raw_image
        black, white = raw.black_level_per_channel, raw.white_level
    return Sensor(
        values=np.ascontiguousarray(values),
        window=original.window,
        pattern=header.bayer,
        black=np.array(black, np.float32),
        scale=scale_of(original.path.name, facts.camera_balance, black, white),
        camera_to_srgb=np.array(facts.camera_to_srgb, np.float64)[:, :3],
    )


def check_levels(name: str, black: Sequence[int], white: int) -> None:
    """Refuse levels between which no light lies.

    Raises:
        ImageError: DAMAGED when the black level is not below white.
    """
    if max(black) >= white:
        message = f"{name} has black level {max(black)} and white level {white}; black must be below white"
        raise ImageError(ReasonCode.DAMAGED, message, stage=Stage.DECODE)


def scale_of(
    name: str, balance: tuple[float, float, float, float], black: list[int] | tuple[int, ...], white: int
) -> NDArray[np.float32]:
    """Factors by colour index from values above black to linear light, as LibRaw's `scale_colors` makes them.

    Raises:
        ImageError: DAMAGED when the black level is not below white.
    """
    check_levels(name, black, white)
    multipliers = np.array(balance, np.float64)
    if multipliers[1] == 0:
        multipliers[1] = 1.0
    if multipliers[3] == 0:  # most cameras give one green
        multipliers[3] = multipliers[1]
    scale: NDArray[np.float32] = (multipliers / multipliers.min() / (white - min(black))).astype(np.float32)
    return scale
