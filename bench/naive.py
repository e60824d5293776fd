"""The baseline: the script that everyone writes first, with rawpy and Pillow and every step at full size.

One deliberate deviation from rawpy's defaults: no automatic brightening, no automatic white level and the sRGB curve,
as the processor has them. With the defaults both would render other exposures and no quality could be compared; the
time is the same.
"""

import time
from collections.abc import Callable

import rawpy
from PIL import Image, ImageFilter

from bench.job import (
    BLUR_PX,
    LOGO_MARGIN,
    LOGO_OPACITY,
    LOGO_SCALE,
    QUALITY,
    SHARPEN_PERCENT,
    SHARPEN_RADIUS_PX,
    Job,
)

StageSeconds = dict[str, float]


def make(job: Job) -> Callable[[], StageSeconds]:
    """The work on one image, to be repeated; returns processor seconds by stage."""
    job.out_dir.mkdir(parents=True, exist_ok=True)
    return lambda: develop(job)


def develop(job: Job) -> StageSeconds:
    """Writes `RENDITION.jpg` (or `.png`) for every rendition; returns processor seconds (user and system) by stage."""
    clock = _Clock()
    with rawpy.imread(str(job.source)) as raw:
        pixels = raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0,
            gamma=(2.4, 12.92),
            output_bps=8,
            demosaic_algorithm=rawpy.DemosaicAlgorithm.AHD,
        )
    full = Image.fromarray(pixels)
    clock.lap("decode")
    for name, long_edge_px in job.long_edges_px.items():
        ratio = min(1.0, long_edge_px / max(full.size))
        size = (round(full.width * ratio), round(full.height * ratio))
        picture = full.resize(size, Image.Resampling.LANCZOS)
        clock.lap("resize")
        picture = picture.filter(ImageFilter.GaussianBlur(BLUR_PX))
        picture = picture.filter(ImageFilter.UnsharpMask(SHARPEN_RADIUS_PX, SHARPEN_PERCENT, 0))
        clock.lap("filters")
        picture = _with_logo(picture, job)
        clock.lap("watermark")
        if job.lossless:
            picture.save(job.out_dir / f"{name}.png", compress_level=1)
        else:
            picture.save(job.out_dir / f"{name}.jpg", quality=QUALITY)
        clock.lap("encode")
    return clock.seconds


def _with_logo(picture: Image.Image, job: Job) -> Image.Image:
    short_edge = min(picture.size)
    with Image.open(job.logo) as opened:
        logo = opened.convert("RGBA")
    ratio = max(1, round(LOGO_SCALE * short_edge)) / max(logo.size)
    logo = logo.resize(
        (max(1, round(logo.width * ratio)), max(1, round(logo.height * ratio))), Image.Resampling.LANCZOS
    )
    logo.putalpha(logo.getchannel("A").point(lambda alpha: round(alpha * LOGO_OPACITY)))
    gap = round(LOGO_MARGIN * short_edge)
    layer = Image.new("RGBA", picture.size)
    layer.paste(logo, (picture.width - logo.width - gap, picture.height - logo.height - gap))
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


class _Clock:
    """Processor seconds by stage."""

    def __init__(self) -> None:
        self.seconds: StageSeconds = {}
        self._since_s = time.process_time()

    def lap(self, stage: str) -> None:
        now_s = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now_s - self._since_s
        self._since_s = now_s
