"""Two processes against one on a real batch, and what the lost time was spent on."""

import os
import shutil
import statistics
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import ours
from bench.inputs import Compression
from bench.measure import Spread
from bench.part import Bench, Figures, Target, spread, times
from processor.batch import BatchOptions, run_batch
from processor.report import amdahl
from processor.report.model import BatchReport
from processor.result import Status
from processor.types import Tier

_KINDS: tuple[tuple[Compression, int], ...] = (("none", 1), ("lossless-jpeg", 2), ("none", 3), ("lossless-jpeg", 4))
"""Files that the batch repeats: every second one compressed, each of another scene."""


def run(bench: Bench) -> Figures:
    """The same batch by one process and by two, in turn."""
    inputs = _inputs(bench)
    job = bench.job(inputs, "batch")
    recipe = ours.recipe(job, Tier.STANDARD)
    reports: dict[int, list[BatchReport]] = {1: [], 2: []}
    for number in range(bench.scale.batch_rounds + 1):
        for jobs, done in reports.items():
            bench.tell(f"batch of {bench.scale.batch_images}, {jobs} process{'es' * (jobs > 1)}, round {number}")
            shutil.rmtree(job.out_dir, ignore_errors=True)
            report = run_batch([inputs], recipe, job.out_dir, BatchOptions(jobs=jobs))
            if report.count(Status.OK) != bench.scale.batch_images:
                raise RuntimeError(
                    f"{report.count(Status.OK)} of {bench.scale.batch_images} images of the batch are ok"
                )
            if number:
                done.append(report)
    shutil.rmtree(job.out_dir, ignore_errors=True)
    return _figures(bench, reports)


def _inputs(bench: Bench) -> Path:
    """A folder of hard links: many originals for the price of a few."""
    originals = [bench.sample(bench.scale.batch_px, compression, seed) for compression, seed in _KINDS]
    folder = bench.folder / "inputs" / f"batch-{bench.scale.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(bench.scale.batch_images):
        os.link(originals[number % len(originals)], folder / f"{number:03d}.dng")
    return folder


def _figures(bench: Bench, reports: dict[int, list[BatchReport]]) -> Figures:
    speed_ups = Spread.of([one.wall_s / two.wall_s for one, two in zip(reports[1], reports[2], strict=True)])
    # The round in the middle stands for the batch where one report is needed.
    middle = sorted(reports[2], key=lambda report: report.wall_s)[len(reports[2]) // 2]
    fraction = amdahl.karp_flatt(speed_ups.median, 2)
    return {
        "images": bench.scale.batch_images,
        "megapixels": round(bench.scale.batch_px[0] * bench.scale.batch_px[1] / 1e6, 1),
        "wall_s": {jobs: spread(Spread.of([report.wall_s for report in of])) for jobs, of in reports.items()},
        "images_per_s": {jobs: statistics.median(report.images_per_s for report in of) for jobs, of in reports.items()},
        "cpu_per_image_s": {
            jobs: statistics.median(report.worker_cpu_s for report in of) / bench.scale.batch_images
            for jobs, of in reports.items()
        },
        "speed_up": spread(speed_ups),
        "serial_fraction": fraction,
        "predicted": {cores: amdahl.speed_up(min(1.0, max(0.0, fraction or 0.0)), cores) for cores in amdahl.CORES},
        "report": {
            "speed_up": middle.speed_up,
            "serial_fraction": middle.serial_fraction,
            "parts": [
                {"name": part.name, "why": part.why, "lost_s": part.lost_s, "fraction": part.fraction}
                for part in middle.lost_parts
            ],
            "predicted": middle.predicted,
            "wall_s": middle.wall_s,
            "start_up_s": middle.start_up_s,
            "start_up_cpu_s": middle.start_up_cpu_s,
        },
        "parent_share": statistics.median(
            report.parent_cpu_s / (report.work_cpu_s + report.start_up_cpu_s) for report in reports[2]
        ),
        "peak_bytes": max(report.peak_memory_bytes for of in reports.values() for report in of),
    }


def show(figures: Figures, console: Console) -> None:
    """Walls and speed-up, then the parts of the serial fraction."""
    table = Table(title=f"Batch of {figures['images']} × {figures['megapixels']:g} MP")
    for column in ("processes", "wall s", "images/s", "CPU s/image", "speed-up"):
        table.add_column(column, justify="right")
    for jobs in figures["wall_s"]:
        table.add_row(
            str(jobs),
            f"{figures['wall_s'][jobs]['median']:.2f}",
            f"{figures['images_per_s'][jobs]:.2f}",
            f"{figures['cpu_per_image_s'][jobs]:.3f}",
            "1" if str(jobs) == "1" else times(figures["speed_up"], 2),
        )
    console.print(table)
    parts = Table(
        title=f"Serial fraction {figures['report']['serial_fraction']:.1%} by the batch's own report, by part"
    )
    for column in ("part", "core-seconds", "of e"):
        parts.add_column(column, justify="left" if column == "part" else "right")
    for part in figures["report"]["parts"]:
        parts.add_row(part["name"], f"{part['lost_s']:.2f}", f"{part['fraction']:.2%}")
    console.print(parts)
    console.print(
        f"serial fraction (Karp–Flatt) from the walls {figures['serial_fraction']:.1%}; "
        f"parent {figures['parent_share']:.2%} of all processor time"
    )


def targets(figures: Figures) -> list[Target]:
    """Speed-up, serial fraction, parent."""
    batch = f"batch of {figures['images']}"
    return [
        Target(what=f"{batch}: speed-up of 2 processes over 1", measured=figures["speed_up"]["median"], needed=1.85),
        Target(
            what=f"{batch}: serial fraction (Karp–Flatt)",
            measured=100 * figures["serial_fraction"],
            needed=5,
            unit="%",
            at_most=True,
        ),
        Target(
            what=f"{batch}: parent's share of processor time",
            measured=100 * figures["parent_share"],
            needed=1,
            unit="%",
            at_most=True,
        ),
    ]
