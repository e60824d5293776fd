"""What a crash, a hang and a leak cost: with threads in one process, and in the batch."""

import multiprocessing
import os
import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import ours
from bench.evidence.faults import LEAK_BYTES, faulty
from bench.measure import own_peak_bytes
from bench.part import Bench, Figures, Target
from processor.batch import BatchOptions, run_batch
from processor.limits import Limits
from processor.recipe import Recipe
from processor.result import Status
from processor.types import Tier

IMAGES = 8
_FAULTY_AT = 3
_PATIENCE_S = 6.0
_TIMEOUT_S = 3.0
_TASKS_PER_WORKER = 2
_STARTED_S = 60.0
_SIZE_PX = (600, 400)


def run(bench: Bench) -> Figures:
    """One faulty original among eight for crash and hang; a leak at every one."""
    return {
        "images": IMAGES,
        "timeout_s": _TIMEOUT_S,
        "watched_s": _PATIENCE_S,
        "leak_bytes": LEAK_BYTES,
        "tasks_per_worker": _TASKS_PER_WORKER,
        "faults": {fault: measure(bench, fault) for fault in ("none", "crash", "hang", "leak")},
    }


def measure(bench: Bench, fault: str) -> Figures:
    """One fault, met by threads and by a batch."""
    bench.tell(f"{fault}: threads")
    source = bench.sample(_SIZE_PX)
    folder = bench.folder / "inputs" / f"faults-{fault}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(IMAGES):
        marked = fault == "leak" or (fault != "none" and number == _FAULTY_AT)
        os.link(source, folder / f"{number}{f'-{fault}' if marked else ''}.dng")
    recipe = ours.recipe(bench.job(source, "isolation"), Tier.STANDARD)
    figures = {"threads": _by_threads(folder, recipe, bench.out(f"isolation/{fault}-threads"))}
    bench.tell(f"{fault}: batch")
    figures["batch"] = _by_batch(folder, recipe, bench.out(f"isolation/{fault}-batch"))
    return figures


def _by_threads(folder: Path, recipe: Recipe, out_dir: Path) -> Figures:
    """Two threads in a process that may be lost."""
    shutil.rmtree(out_dir, ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    ours_end, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_two_threads, args=(theirs, folder, recipe, out_dir))
    process.start()
    theirs.close()
    answered, peak_bytes = False, 0
    try:
        if ours_end.poll(_STARTED_S):
            ours_end.recv()
            if ours_end.poll(_PATIENCE_S):
                peak_bytes = int(ours_end.recv())
                answered = True
    except EOFError:
        process.join()
    exit_code = process.exitcode if not answered else 0
    process.kill()
    process.join()
    return {
        "exit_code": exit_code,
        "ended": "done" if answered else "killed by us" if exit_code is None else f"signal {-exit_code}",
        "reported_ok": IMAGES if answered else 0,
        "peak_bytes": peak_bytes,
    }


def _two_threads(channel: Connection, folder: Path, recipe: Recipe, out_dir: Path) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel.send("started")
    work = partial(_one, recipe=recipe, out_dir=out_dir)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, sorted(folder.iterdir())))
    channel.send(own_peak_bytes())


def _one(source: Path, *, recipe: Recipe, out_dir: Path) -> None:
    faulty(source, recipe, out_dir, stem=source.stem, limits=Limits())


def _by_batch(folder: Path, recipe: Recipe, out_dir: Path) -> Figures:
    shutil.rmtree(out_dir, ignore_errors=True)
    report = run_batch(
        [folder],
        recipe,
        out_dir,
        BatchOptions(
            jobs=2,
            limits=Limits(timeout_s=_TIMEOUT_S),
            tasks_per_worker=_TASKS_PER_WORKER,
            function=f"{faulty.__module__}:{faulty.__name__}",
        ),
    )
    failed = [result for result in report.results if result.status is Status.FAILED]
    return {
        "ok": report.count(Status.OK),
        "failed": [
            {"image": Path(result.source).name, "reason": result.reason, "message": result.message} for result in failed
        ],
        "wall_s": report.wall_s,
        "peak_bytes": report.peak_memory_bytes,
    }


def show(figures: Figures, console: Console) -> None:
    """One row per fault."""
    table = Table(title=f"One fault among {figures['images']} images")
    for column in ("fault", "2 threads in one process", "peak MB", "batch of 2 processes", "peak MB"):
        table.add_column(column)
    for fault, measured in figures["faults"].items():
        threads, batch = measured["threads"], measured["batch"]
        reasons = ", ".join(f"{failure['image']}: {failure['reason']}" for failure in batch["failed"])
        table.add_row(
            fault,
            f"{threads['ended']}, {threads['reported_ok']} ok",
            f"{threads['peak_bytes'] / 1e6:.0f}",
            f"{batch['ok']} ok {reasons}",
            f"{batch['peak_bytes'] / 1e6:.0f}",
        )
    console.print(table)


def targets(_figures: Figures) -> list[Target]:
    """None of its own: isolation is tested."""
    return []
