"""The job that every design does: three renditions, each blurred, sharpened and marked with a logo, as JPEG."""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw

BLUR_PX = 1.0
SHARPEN_RADIUS_PX = 2.0
SHARPEN_PERCENT = 120
LOGO_SCALE = 0.2
LOGO_MARGIN = 0.03
LOGO_OPACITY = 0.5
QUALITY = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One original and what to make of it.

    Attributes:
        source: the RAW file.
        logo: a PNG with alpha.
        out_dir: where renditions go.
        long_edges_px: long edge by the rendition's name, largest first.
        lossless: store PNG instead of JPEG, to compare pictures as they were before encoding.
    """

    source: Path
    logo: Path
    out_dir: Path
    long_edges_px: dict[str, int]
    lossless: bool = False

    def thumb_only(self) -> "Job":
        """The same with nothing but the thumbnail."""
        name = next(reversed(self.long_edges_px))
        return replace(self, long_edges_px={name: self.long_edges_px[name]})


def draw_logo(path: Path) -> None:
    """A ring, a disc and a bar with half-transparent parts, so that blending matters."""
    logo = Image.new("RGBA", (800, 300))
    draw = ImageDraw.Draw(logo)
    draw.ellipse((10, 10, 290, 290), outline=(255, 255, 255, 255), width=40)
    draw.ellipse((100, 100, 200, 200), fill=(250, 200, 60, 255))
    draw.rounded_rectangle((320, 90, 790, 210), 40, fill=(255, 255, 255, 160))
    path.parent.mkdir(parents=True, exist_ok=True)
    logo.save(path)
