"""Threads against processes, stage by stage: two threads gain only where a stage lets go of the interpreter lock."""

import itertools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import ours
from bench.job import Job
from bench.measure import Worker, all_closed
from bench.part import Bench, Figures, Target
from processor import encode, filters, watermark
from processor.decode import decode
from processor.limits import Limits
from processor.original import open_original
from processor.pipeline import develop
from processor.resize import fitted, resize
from processor.store import content_digest
from processor.types import ColourSpace, DecodePath, Rgb8, Tier

STAGES = {
    "content hash": "BLAKE3 of the original's bytes",
    "decode, AHD": "LibRaw",
    "decode, half-size": "our kernel, compiled by numba with nogil",
    "decode, full-size": "our kernel, compiled by numba with nogil",
    "resize": "cykooz-resizer, OpenCV",
    "filters": "OpenCV",
    "watermark": "numpy, on the logo's rectangle",
    "encode": "Pillow's JPEG encoder",
    "custom filter in Python": "a loop over pixels that Python itself runs",
    "whole image": "all stages, tier `standard`",
}
"""What every stage runs on."""

_LEAST_S = 0.25
_FREE_MACHINE = 1.6
"""Cores that two processes must get for a verdict on threads."""
_RELEASED, _HELD = 0.8, 0.6
"""Cores that two threads keep busy, as a share of what two processes do: from where on a stage releases the lock, up to
where it holds it."""


def run(bench: Bench) -> Figures:
    """Every stage by one thread, two threads and two processes, in turn."""
    job = bench.job(bench.sample(bench.scale.medium_px), "threads")
    return {"stages": {stage: _measure(bench, job, stage) for stage in STAGES}}


def _measure(bench: Bench, job: Job, stage: str) -> Figures:
    def worker(number: int, threads: int) -> Worker:
        return Worker(make, replace(job, out_dir=job.out_dir / str(number)), stage, threads)

    bench.tell(stage)
    workers = {"first": worker(1, 1), "second": worker(2, 1), "threads": worker(3, 2)}
    with all_closed(workers):
        for one in workers.values():
            one.run()
        threads, processes, cores = [], [], []
        for _ in range(bench.scale.repeats):
            # Wall time per unit of work: a work repeats itself until it has run long enough to be timed.
            alone = workers["first"].run()
            both = workers["threads"].run()
            for name in ("first", "second"):
                workers[name].begin()
            pair = [workers[name].end() for name in ("first", "second")]
            threads.append(both.value / alone.value)
            processes.append(sum(run.value for run in pair) / alone.value)
            cores.append((both.cpu_s / both.wall_s, sum(run.cpu_s / run.wall_s for run in pair)))
    by_threads, by_processes = (statistics.median(used) for used in zip(*cores, strict=True))
    return {
        "runs_on": STAGES[stage],
        "threads": statistics.median(threads),
        "processes": statistics.median(processes),
        "cores_by_threads": by_threads,
        "cores_by_processes": by_processes,
        "lock": verdict(by_threads, by_processes),
    }


def verdict(cores_by_threads: float, cores_by_processes: float) -> str:
    """What the stage does with the lock; where two processes did not get two cores, threads cannot show it either."""
    if cores_by_processes < _FREE_MACHINE:
        return "not measurable: machine busy"
    share = cores_by_threads / cores_by_processes
    return "released" if share >= _RELEASED else "held" if share <= _HELD else "partly held"


def make(job: Job, stage: str, threads: int) -> Callable[[], float]:
    """The work of one stage, repeated by so many threads at once; returns repetitions per second of all together."""
    steps = [_step(replace(job, out_dir=job.out_dir / str(number)), stage) for number in range(threads)]
    pool = ThreadPoolExecutor(threads)
    for step in steps:
        step()

    def work() -> float:
        began_s = time.perf_counter()
        done = pool.map(_repeat, steps)
        return sum(done) / (time.perf_counter() - began_s)

    return work


def _repeat(step: Callable[[], Any]) -> int:
    """Repeats for a fixed time; returns how often."""
    until_s = time.perf_counter() + _LEAST_S
    count = 0
    while time.perf_counter() < until_s:
        step()
        count += 1
    return count


def _step(job: Job, stage: str) -> Callable[[], Any]:
    if stage == "content hash":
        return lambda: content_digest(job.source)
    if stage == "whole image":
        return _whole_image(job)
    paths = {"decode, AHD": DecodePath.AHD, "decode, half-size": DecodePath.HALF, "decode, full-size": DecodePath.FULL}
    if stage in paths:
        return lambda: _decode(job.source, paths[stage])
    return _on_pixels(job, stage)


def _on_pixels(job: Job, stage: str) -> Callable[[], Any]:
    recipe = ours.recipe(job, Tier.STANDARD)
    pixels = _decode(job.source, DecodePath.FULL)
    size = fitted(pixels.shape[1], pixels.shape[0], recipe.longest_edge_px)
    if stage == "resize":
        return lambda: resize(pixels, size)
    rendition = resize(pixels, size)
    if stage == "filters":
        return lambda: filters.apply(rendition, recipe.filters)
    mark = recipe.watermark
    if stage == "watermark" and mark is not None:
        return lambda: watermark.stamp(rendition, mark)
    if stage == "encode":
        return lambda: encode.encode(rendition, recipe.renditions[0], icc_profile=b"", exif=b"")
    small = resize(rendition, fitted(size[0], size[1], 160))
    return lambda: sepia(small)


def _decode(source: Path, path: DecodePath) -> Rgb8:
    with open_original(source, limits=Limits()) as original:
        return decode(original, path, ColourSpace.SRGB).pixels


def _whole_image(job: Job) -> Callable[[], Any]:
    recipe = ours.recipe(job, Tier.STANDARD)
    numbers = itertools.count()
    return lambda: develop(job.source, recipe, job.out_dir, stem=f"run-{next(numbers)}", limits=Limits())


def sepia(pixels: Rgb8) -> Rgb8:
    """A custom filter as a newcomer writes it: pixel by pixel, in Python."""
    toned = [
        [min(255, (393 * r + 769 * g + 189 * b) // 1000), min(255, (349 * r + 686 * g + 168 * b) // 1000),
         min(255, (272 * r + 534 * g + 131 * b) // 1000)]
        for row in pixels.tolist() for r, g, b in row
    ]  # fmt: skip
    return np.array(toned, np.uint8).reshape(pixels.shape)


def show(figures: Figures, console: Console) -> None:
    """One row per stage."""
    table = Table(title="Speed-up over one thread")
    for column in ("stage", "2 threads", "2 processes", "cores used by each", "interpreter lock"):
        table.add_column(column, justify="left" if column in {"stage", "interpreter lock"} else "right")
    for stage, measured in figures["stages"].items():
        table.add_row(
            stage,
            f"{measured['threads']:.2f}×",
            f"{measured['processes']:.2f}×",
            f"{measured['cores_by_threads']:.2f}, {measured['cores_by_processes']:.2f}",
            measured["lock"],
        )
    console.print(table)


def targets(_figures: Figures) -> list[Target]:
    """None: this explains."""
    return []
