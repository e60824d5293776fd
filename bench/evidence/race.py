"""The lost update: several processes add to one number, without a lock and with the batch's counter."""

import mmap
import multiprocessing
import os
import struct
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.part import Bench, Figures, Target
from processor.batch.counter import Counter
from processor.result import Status

PROCESSES = 4
_NUMBER = struct.Struct("<Q")
_PATIENCE_S = 120.0


def run(bench: Bench) -> Figures:
    """The same additions both ways."""
    return measure(bench.scale.increments)


def measure(increments: int) -> Figures:
    """`PROCESSES` processes add `increments` times each."""
    with tempfile.TemporaryDirectory() as folder:
        unlocked, counter = Path(folder, "number"), Path(folder, "counter")
        unlocked.write_bytes(bytes(_NUMBER.size))
        unlocked_s = _run_together(_add_without_lock, unlocked, increments)
        (found,) = _NUMBER.unpack(unlocked.read_bytes())
        expected = PROCESSES * increments
        Counter.create(counter, expected).close()
        counter_s = _run_together(_settle, counter, increments)
        with Counter(counter) as opened:
            counted = opened.counts().ok
    return {
        "processes": PROCESSES,
        "increments": increments,
        "expected": expected,
        "without_lock": {"found": found, "lost": expected - found, "wall_s": unlocked_s},
        "counter": {
            "found": counted,
            "lost": expected - counted,
            "wall_s": counter_s,
            "microseconds": counter_s / expected * 1e6,
        },
    }


def _run_together(work: Callable[[Path, int, int], None], path: Path, increments: int) -> float:
    """Wall seconds from the moment at which all processes stand ready."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES + 1)
    processes = [
        context.Process(target=_start, args=(ready, work, path, number, increments)) for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    try:
        ready.wait(_PATIENCE_S)
        began_s = time.perf_counter()
        for process in processes:
            process.join(_PATIENCE_S)
        took_s = time.perf_counter() - began_s
    finally:
        for process in processes:
            process.kill()
    codes = [process.exitcode for process in processes]
    if codes != [0] * PROCESSES:
        raise RuntimeError(f"processes of the race ended with exit codes {codes}")
    return took_s


def _start(ready: Barrier, work: Callable[[Path, int, int], None], path: Path, number: int, increments: int) -> None:
    ready.wait(_PATIENCE_S)
    work(path, number, increments)


def _add_without_lock(path: Path, _number: int, increments: int) -> None:
    """Read, add one, write back: correct in one process."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        for step in range(increments):
            (value,) = _NUMBER.unpack(memory)
            if step % 16 == 0:
                # A program does something between reading and writing, and may lose its core there at any time. Giving
                # it up on purpose now and then shows the loss on one core too.
                os.sched_yield()
            memory[:] = _NUMBER.pack(value + 1)


def _settle(path: Path, number: int, increments: int) -> None:
    """What a worker does when an image is done."""
    with Counter(path) as counter:
        for index in range(number * increments, (number + 1) * increments):
            counter.settle(index, Status.OK)


def show(figures: Figures, console: Console) -> None:
    """Expected and found."""
    table = Table(title=f"{figures['processes']} processes add {figures['increments']} times each")
    for column in ("how", "expected", "found", "lost"):
        table.add_column(column, justify="left" if column == "how" else "right")
    for how in ("without_lock", "counter"):
        measured = figures[how]
        table.add_row(how.replace("_", " "), str(figures["expected"]), str(measured["found"]), f"{measured['lost']:+d}")
    console.print(table)


def targets(_figures: Figures) -> list[Target]:
    """None of its own: that the counter is exact is tested."""
    return []
