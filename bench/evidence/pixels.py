"""Pixels against paths: what it costs to hand an image to another process."""

import multiprocessing
import pickle
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import ours
from bench.job import Job
from bench.part import Bench, Figures, Target
from processor import demosaic, encode, filters, watermark
from processor.batch.environment import limit_library_threads, worker_environment
from processor.decode import decode
from processor.limits import Limits
from processor.original import open_original
from processor.recipe import Recipe
from processor.resize import fitted, resize
from processor.types import ColourSpace, DecodePath, Rgb8, Tier

_IMAGES = 6
_PROCESSES = 2


def run(bench: Bench) -> Figures:
    """The hand-over alone, then a small batch by either way."""
    job = bench.job(bench.sample(bench.scale.large_px), "pixels")
    demosaic.warm_up()
    frames = {"half": _decoded(job.source, DecodePath.HALF), "full": _decoded(job.source, DecodePath.FULL)}
    bench.tell("handing over")
    return {
        "megapixels": round(bench.scale.large_px[0] * bench.scale.large_px[1] / 1e6),
        "hand_over": _hand_over(job.source, frames, bench.scale.repeats),
        "batch": _batch(bench, job),
    }


def _decoded(source: Path, path: DecodePath) -> Rgb8:
    with open_original(source, limits=Limits()) as original:
        return decode(original, path, ColourSpace.SRGB).pixels


def _hand_over(source: Path, frames: dict[str, Rgb8], repeats: int) -> list[Figures]:
    """Bytes and seconds for one image by each way, to a process that touches every page of what it gets."""
    context = multiprocessing.get_context("spawn")
    ours_end, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    size = {name: f"{frame.shape[1]}×{frame.shape[0]}" for name, frame in frames.items()}
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "its path": (len(pickle.dumps(source)), lambda: source),
        f"half-size pixels, pickled ({size['half']})": (len(pickle.dumps(frames["half"])), lambda: frames["half"]),
        f"full-size pixels, pickled ({size['full']})": (len(pickle.dumps(frames["full"])), lambda: frames["full"]),
        f"full-size pixels, shared memory ({size['full']})": (frames["full"].nbytes, lambda: _share(frames["full"])),
    }
    measured: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(repeats + 1):
        for way, (_, message) in ways.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            ours_end.send(message())
            their_cpu_s = float(ours_end.recv())
            if number:
                measured[way].append((time.perf_counter() - wall_s, time.process_time() - cpu_s + their_cpu_s))
    ours_end.close()
    process.join(10)
    return [
        {
            "what": way,
            "bytes": ways[way][0],
            "wall_s": statistics.median(wall_s for wall_s, _ in runs),
            "cpu_s": statistics.median(cpu_s for _, cpu_s in runs),
        }
        for way, runs in measured.items()
    ]


def _share(pixels: Rgb8) -> tuple[str, tuple[int, ...]]:
    """Copies pixels into shared memory, which the receiver removes."""
    memory = shared_memory.SharedMemory(create=True, size=pixels.nbytes)
    np.ndarray(pixels.shape, np.uint8, memory.buf)[...] = pixels
    name = memory.name
    memory.close()
    return name, pixels.shape


def _receive(channel: Connection) -> None:
    while True:
        cpu_s = time.process_time()
        try:
            message = channel.recv()
        except EOFError:
            return
        match message:
            case (str(name), tuple(shape)):
                memory = shared_memory.SharedMemory(name=name)
                pixels = np.ndarray(shape, np.uint8, memory.buf)
                _touch(pixels)
                del pixels
                memory.close()
                memory.unlink()
            case np.ndarray():
                _touch(message)
        channel.send(time.process_time() - cpu_s)


def _touch(pixels: Rgb8) -> int:
    return int(pixels.reshape(-1)[::4096].sum())


def _batch(bench: Bench, job: Job) -> Figures:
    """Two processes by paths, and two processes that a parent feeds with pixels which it decoded itself."""
    recipe = ours.recipe(job, Tier.STANDARD)
    context = multiprocessing.get_context("spawn")
    walls: dict[str, list[float]] = {"paths": [], "pixels": [], "one process": []}
    with worker_environment(), ProcessPoolExecutor(_PROCESSES, context, initializer=_warm_up) as pool:
        for number in range(bench.scale.repeats // 2 + 2):
            for way, of in walls.items():
                bench.tell(f"{_IMAGES} images by {way}, round {number}")
                began_s = time.perf_counter()
                if way == "one process":
                    for _ in range(_IMAGES):
                        pool.submit(_develop, job.source, recipe).result()
                elif way == "paths":
                    for done in [pool.submit(_develop, job.source, recipe) for _ in range(_IMAGES)]:
                        done.result()
                else:
                    for done in [
                        pool.submit(_finish, _decoded(job.source, DecodePath.HALF), recipe) for _ in range(_IMAGES)
                    ]:
                        done.result()
                if number:
                    of.append(time.perf_counter() - began_s)
    medians = {way: statistics.median(of) for way, of in walls.items()}
    return {
        "images": _IMAGES,
        "processes": _PROCESSES,
        "wall_s": medians,
        "speed_up": {way: medians["one process"] / medians[way] for way in ("paths", "pixels")},
    }


def _warm_up() -> None:
    limit_library_threads()
    demosaic.warm_up()


def _develop(source: Path, recipe: Recipe) -> int:
    return _finish(_decoded(source, DecodePath.HALF), recipe)


def _finish(pixels: Rgb8, recipe: Recipe) -> int:
    """All stages after decoding; returns bytes made."""
    size = 0
    for rendition in recipe.renditions:
        pixels = resize(pixels, fitted(pixels.shape[1], pixels.shape[0], rendition.long_edge_px))
        finished = filters.apply(pixels, recipe.filters)
        if recipe.watermark is not None:
            watermark.stamp(finished, recipe.watermark)
        size += len(encode.encode(finished, rendition, icc_profile=b"", exif=b""))
    return size


def show(figures: Figures, console: Console) -> None:
    """Both tables in one."""
    table = Table(title=f"Handing a {figures['megapixels']} MP image to another process")
    for column in ("what crosses", "bytes", "ms", "CPU ms"):
        table.add_column(column, justify="left" if column == "what crosses" else "right")
    for way in figures["hand_over"]:
        table.add_row(way["what"], f"{way['bytes']:,}", f"{way['wall_s'] * 1e3:.2f}", f"{way['cpu_s'] * 1e3:.2f}")
    console.print(table)
    batch = figures["batch"]
    console.print(
        f"{batch['images']} images, {batch['processes']} processes: "
        + ", ".join(f"{way} {seconds:.2f} s" for way, seconds in batch["wall_s"].items())
    )


def targets(_figures: Figures) -> list[Target]:
    """None: this explains."""
    return []
