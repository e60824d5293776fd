"""The files that are measured on: deterministic samples, made once and kept."""

from pathlib import Path
from typing import Literal

from bench.job import draw_logo
from bench.scale import Size
from processor.sample import make_sample

Compression = Literal["none", "lossless-jpeg"]


def sample(folder: Path, size: Size, compression: Compression = "none", seed: int = 1) -> Path:
    """A sample RAW; made when it is not there yet."""
    width, height = size
    path = folder / f"{width}x{height}-{compression}-{seed}.dng"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        make_sample(unfinished, width_px=width, height_px=height, seed=seed, compression=compression)
        unfinished.replace(path)
    return path


def logo(folder: Path) -> Path:
    """The logo of the job."""
    path = folder / "logo.png"
    if not path.exists():
        draw_logo(path)
    return path
