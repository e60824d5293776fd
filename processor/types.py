"""Words that every stage shares: colour spaces, tiers, decode paths, verdicts and the picture between stages."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Rgb8 = NDArray[np.uint8]
"""An H×W×3 array of 8-bit, gamma-encoded RGB."""

Mosaic = NDArray[np.uint16]
"""An H×W array of raw sensor values under a colour filter array."""


SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange width and height."""


class ColourSpace(StrEnum):
    """Output colour space; its ICC profile is embedded in every rendition."""

    SRGB = "srgb"
    DISPLAY_P3 = "display-p3"


class Tier(StrEnum):
    """What to prefer when a file can be decoded in more than one way."""

    BEST = "best"
    STANDARD = "standard"
    FAST = "fast"


class DecodePath(StrEnum):
    """The ways to get from a RAW file to pixels, cheapest first."""

    PREVIEW = "preview"
    """The JPEG that the camera embedded: its own rendering, not ours."""
    HALF = "half"
    """In-phase half-size reconstruction (processor.demosaic)."""
    LIBRAW_HALF = "libraw-half"
    """LibRaw's half_size: for mosaics that our kernels do not know, tier `fast` only."""
    FULL = "full"
    """Full-size edge-directed reconstruction (processor.demosaic)."""
    PPG = "ppg"
    """LibRaw's patterned pixel grouping, the fallback of tier `standard`."""
    AHD = "ahd"
    """LibRaw's adaptive homogeneity-directed demosaicing, tier `best`."""


class Verdict(StrEnum):
    """What the integrity checks say of an original."""

    OK = "ok"
    SUSPECT = "suspect"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A decoded picture on its way through the stages.

    Attributes:
        pixels: H×W×3 uint8, gamma-encoded in `colour_space`, in the sensor's orientation.
        orientation: EXIF orientation (1 to 8) that still has to be applied to show the picture upright.
        colour_space: what the numbers mean.
        decode_path: how the pixels were made.
        full_size_px: (width, height) of the developed sensor area in the sensor's orientation, before any halving.
    """

    pixels: Rgb8
    orientation: int
    colour_space: ColourSpace
    decode_path: DecodePath
    full_size_px: tuple[int, int]
