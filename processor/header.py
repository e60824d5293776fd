"""What a RAW file says of itself before any pixel is read."""

from dataclasses import dataclass
from typing import Final

SQUARE_PIXELS: Final = (0.995, 1.005)
"""Pixel aspects that LibRaw itself leaves as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """The facts that a plan needs. All sizes in pixels, in the sensor's orientation.

    Attributes:
        size_bytes: length of the file.
        width_px, height_px: the visible (developed) area of the sensor.
        raw_width_px, raw_height_px: the stored area, with masked borders.
        orientation: EXIF orientation, 1 to 8.
        pixel_aspect: height over width of a pixel's pitch as LibRaw reports it; 1.0 for square pixels.
        bayer: the 2×2 colour-filter indices, row-major with 0 = R, 1 = G, 2 = B, 3 = second G,
            or None when the mosaic is not a 2×2 Bayer pattern (X-Trans, Foveon, linear DNG, monochrome).
        preview_px: (width, height) of the largest embedded JPEG preview, or None.
        fast_unpack: the unpacker of ours that claims this file ("uncompressed", "lossless-jpeg"), or None for LibRaw's.
        make, model: the camera's names, empty when the file has none.
        plain: our own kernels give LibRaw's colours and shape: square upright pixels, white balance and matrix known.
    """

    size_bytes: int
    width_px: int
    height_px: int
    raw_width_px: int
    raw_height_px: int
    orientation: int
    pixel_aspect: float
    bayer: tuple[int, int, int, int] | None
    preview_px: tuple[int, int] | None
    fast_unpack: str | None
    make: str
    model: str
    plain: bool = True

    @property
    def pixels(self) -> int:
        """Number of stored sensor values."""
        return self.raw_width_px * self.raw_height_px
