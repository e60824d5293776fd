"""Why each library beyond rawpy, numpy and Pillow is there: the same step by it and by what it replaces."""

import hashlib
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rawpy
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table

from bench.job import BLUR_PX, SHARPEN_PERCENT, SHARPEN_RADIUS_PX
from bench.measure import Worker
from bench.part import Bench, Figures, Target
from bench.quality import psnr_db
from bench.scale import Size
from processor import filters
from processor.decode import decode
from processor.limits import Limits
from processor.original import open_original
from processor.recipe import Blur, Unsharp
from processor.resize import fitted, resize
from processor.sample import render_scene
from processor.store import content_digest
from processor.types import ColourSpace, DecodePath, Rgb8
from processor.unpack.sensor import read_sensor

_SEED = 1
_Way = tuple[str, Callable[[], Any]]


def run(bench: Bench) -> Figures:
    """All comparisons, in a process with one thread per library."""
    size = bench.scale.medium_px
    plain, packed = bench.sample(size, seed=_SEED), bench.sample(size, "lossless-jpeg", seed=_SEED)
    bench.tell("comparing libraries")
    with Worker(make, plain, packed, size, bench.scale.long_edges_px["4k"], bench.scale.repeats) as worker:
        return {"steps": worker.run().value, "megapixels": round(size[0] * size[1] / 1e6)}


def make(plain: Path, packed: Path, size: Size, long_edge_px: int, repeats: int) -> Callable[[], list[Figures]]:
    """The comparisons as a work."""
    return lambda: _compare(plain, packed, size, long_edge_px, repeats)


def _compare(plain: Path, packed: Path, size: Size, long_edge_px: int, repeats: int) -> list[Figures]:
    truth = render_scene(*size, _SEED)
    half_truth = np.asarray(cv2.resize(truth, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA))
    full = _decode(plain, DecodePath.FULL)
    small = fitted(full.shape[1], full.shape[0], long_edge_px)
    by_pillow = np.asarray(Image.fromarray(full).resize(small, Image.Resampling.LANCZOS))
    exact = _exact_filters(by_pillow)
    return [
        _step(
            "open, unpack, demosaic to half size",
            "numba",
            [("numba kernel, in phase", lambda: _decode(plain, DecodePath.HALF)),
             ("LibRaw half_size", lambda: _decode(plain, DecodePath.LIBRAW_HALF))],
            ("the true scene", half_truth),
            repeats,
        ),
        _step(
            "open, unpack, demosaic to full size",
            "numba",
            [("numba kernel", lambda: _decode(plain, DecodePath.FULL)),
             ("LibRaw PPG", lambda: _decode(plain, DecodePath.PPG)),
             ("LibRaw AHD", lambda: _decode(plain, DecodePath.AHD))],
            ("the true scene", truth),
            repeats,
        ),
        _step(
            "unpack lossless JPEG",
            "numba",
            [("numba kernel", lambda: _unpack(packed)), ("LibRaw", lambda: _unpack_by_libraw(packed))],
            None,
            repeats,
        ),
        _step(
            f"resize to {long_edge_px} px",
            "cykooz-resizer, OpenCV",
            [("cykooz-resizer Lanczos", lambda: resize(full, small)),
             ("Pillow Lanczos", lambda: np.asarray(Image.fromarray(full).resize(small, Image.Resampling.LANCZOS))),
             ("OpenCV area", lambda: cv2.resize(full, small, interpolation=cv2.INTER_AREA))],
            ("Pillow Lanczos", by_pillow),
            repeats,
        ),
        _step(
            f"blur and sharpen at {long_edge_px} px",
            "OpenCV",
            [("OpenCV", lambda: _our_filters(by_pillow)), ("Pillow", lambda: _pillow_filters(by_pillow))],
            ("exact Gaussians", exact),
            repeats,
        ),
        _step(
            f"PNG at {long_edge_px} px",
            "settings of Pillow",
            [("level 1, Huffman only", lambda: _png(by_pillow, compress_level=1, compress_type=2)),
             ("default", lambda: _png(by_pillow))],
            None,
            repeats,
        ),
        _step(
            "content hash",
            "blake3",
            [("BLAKE3", lambda: content_digest(plain)), ("SHA-256", lambda: _sha256(plain))],
            None,
            repeats,
        ),
    ]  # fmt: skip


def _step(name: str, library: str, ways: list[_Way], reference: tuple[str, Rgb8] | None, repeats: int) -> Figures:
    """Times every way in turn; the first one is ours."""
    seconds: dict[str, list[float]] = {way: [] for way, _ in ways}
    made: dict[str, Any] = {}
    for number in range(repeats + 1):
        for way, work in ways:
            began_s = time.process_time()
            made[way] = work()
            if number:
                seconds[way].append(time.process_time() - began_s)
    return {
        "step": name,
        "library": library,
        "against": reference[0] if reference else None,
        "ways": [
            {
                "way": way,
                "cpu_s": statistics.median(seconds[way]),
                "psnr_db": _psnr(reference[1], made[way]) if reference and made[way] is not reference[1] else None,
                "bytes": len(made[way]) if isinstance(made[way], bytes) else None,
            }
            for way, _ in ways
        ],
    }


def _psnr(reference: Rgb8, picture: Rgb8) -> float | None:
    """None for the very same pixels: infinity is no figure."""
    height, width = (min(sides) for sides in zip(reference.shape[:2], picture.shape[:2], strict=True))
    first, second = reference[:height, :width], picture[:height, :width]
    return None if np.array_equal(first, second) else psnr_db(first, second)


def _decode(source: Path, path: DecodePath) -> Rgb8:
    with open_original(source, limits=Limits()) as original:
        return decode(original, path, ColourSpace.SRGB).pixels


def _unpack(source: Path) -> int:
    with open_original(source, limits=Limits()) as original:
        return int(read_sensor(original).values[0, 0])


def _unpack_by_libraw(source: Path) -> int:
    with rawpy.imread(str(source)) as raw:
        return int(raw.raw_image[0, 0])


def _our_filters(pixels: Rgb8) -> Rgb8:
    steps = (
        Blur(radius_px=BLUR_PX),
        Unsharp(radius_px=SHARPEN_RADIUS_PX, amount_percent=SHARPEN_PERCENT, threshold=0),
    )
    return filters.apply(pixels, steps)


def _pillow_filters(pixels: Rgb8) -> Rgb8:
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(BLUR_PX))
    return np.asarray(blurred.filter(ImageFilter.UnsharpMask(SHARPEN_RADIUS_PX, SHARPEN_PERCENT, 0)))


def _exact_filters(pixels: Rgb8) -> Rgb8:
    """The same in floating point with full-width kernels."""
    blurred = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), BLUR_PX, borderType=cv2.BORDER_REPLICATE)
    wide = cv2.GaussianBlur(blurred, (0, 0), SHARPEN_RADIUS_PX, borderType=cv2.BORDER_REPLICATE)
    amount = SHARPEN_PERCENT / 100
    return np.asarray(np.clip(np.rint(blurred * (1 + amount) - wide * amount), 0, 255), np.uint8)


def _png(pixels: Rgb8, **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", **options)
    return buffer.getvalue()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def show(figures: Figures, console: Console) -> None:
    """One row per way, ours first."""
    table = Table(title=f"Why each library is there ({figures['megapixels']} MP original)")
    for column in ("step", "library", "way", "CPU ms", "times ours", "dB", "against", "MB"):
        table.add_column(column, justify="right" if column in {"CPU ms", "times ours", "dB", "MB"} else "left")
    for step in figures["steps"]:
        for number, way in enumerate(step["ways"]):
            table.add_row(
                "" if number else step["step"],
                "" if number else step["library"],
                way["way"],
                f"{way['cpu_s'] * 1e3:.0f}",
                f"{way['cpu_s'] / step['ways'][0]['cpu_s']:.1f}×",
                "" if way["psnr_db"] is None else f"{way['psnr_db']:.1f}",
                "" if way["psnr_db"] is None else step["against"],
                "" if way["bytes"] is None else f"{way['bytes'] / 1e6:.2f}",
            )
        table.add_section()
    console.print(table)


def targets(_figures: Figures) -> list[Target]:
    """None: this explains."""
    return []
