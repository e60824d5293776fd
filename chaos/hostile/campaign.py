"""Has spoilt files developed by the processor as it is, and counts what became of them, and what must not happen."""

import hashlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chaos.hostile.mutator import spoil
from processor.batch import BatchOptions, run_batch
from processor.limits import Limits
from processor.recipe import Recipe
from processor.report.model import BatchReport
from processor.result import ImageResult, Status
from processor.sample import make_sample

BATCH = 500
TIME_LIMIT_S = 60.0
MEMORY_BYTES = 512 << 20
"""For each worker. The seeds need a tenth of it, and what claims more must be told so."""
_OVERHEAD_BYTES = 320 << 20
"""Of a worker before any image: Python, the libraries and the compiled kernels."""
RECIPE = Recipe.model_validate({"name": "fuzz", "renditions": [{"name": "small", "long_edge_px": 128}]})


@dataclass(slots=True)
class Tally:
    """What became of the files.

    Attributes:
        files: how many there were.
        reasons: by verdict, for what was developed, and by reason code.
        unforeseen: numbers of files that ended as an internal error: code of ours that did not expect them.
        crashed: numbers of files that their decoder died of.
        hangs: files that were not done in time.
        unaccounted: files without a result.
        beyond_memory: files whose process had more memory than it was granted.
        escapes: traces of a decoder outside of its folder.
        left_over: processes and files that remained.
    """

    files: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unforeseen: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    hangs: int = 0
    unaccounted: int = 0
    beyond_memory: int = 0
    escapes: int = 0
    left_over: int = 0


def seeds(folder: Path, camera_raws: Path | None) -> list[bytes]:
    """Good files to spoil: of every form that the processor unpacks itself, and those of cameras where there are."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, (compression, preview_px, gps) in enumerate(
        (("none", None, False), ("lossless-jpeg", None, True), ("none", 192, True), ("lossless-jpeg", 192, False))
    ):
        path = folder / f"seed-{number}.dng"
        make_sample(
            path, width_px=192, height_px=128, seed=number, compression=compression, preview_px=preview_px,  # type: ignore[arg-type]
            orientation=number + 1, gps=gps,
        )  # fmt: skip
        made.append(path.read_bytes())
    if camera_raws is not None:
        files = sorted(path for path in camera_raws.iterdir() if path.suffix.lower() not in {".tsv", ".md", ".txt"})
        made += [path.read_bytes() for path in files]
    return made


def spoilt(number: int, good: Sequence[bytes], seed: int) -> tuple[bytes, tuple[str, ...]]:
    """File `number` of a campaign, and what was done to it; the same for the same seed and the same good files."""
    rng = random.Random(f"{seed}:{number}")
    return spoil(rng.choice(good), good, rng)


def run(
    folder: Path,
    *,
    files: int,
    seed: int,
    camera_raws: Path | None = None,
    jobs: int = 2,
    first: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Tally:
    """Make the files and have them developed.

    Args:
        folder: for everything that it makes; files that crashed a decoder stay in `crashers`.
        files: how many.
        seed: another one, other files.
        first: number of the first file.
    """
    good = seeds(folder / "seeds", camera_raws)
    tally = Tally()
    canary = _canary(folder / "canary")
    before = _digest(canary)
    for start in range(first, first + files, BATCH):
        numbers = range(start, min(start + BATCH, first + files))
        shoot, out = folder / "files", folder / "out"
        shutil.rmtree(shoot, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        shoot.mkdir(parents=True)
        for number in numbers:
            (shoot / f"{number:06d}.dng").write_bytes(spoilt(number, good, seed)[0])
        standing = _workers()
        report = run_batch([shoot], RECIPE, out, options(jobs))
        _count(tally, report, expected=len(numbers))
        _keep_crashers(folder / "crashers", shoot, report)
        tally.left_over += len(_left_over(out)) + len(_workers() - standing)
        tally.escapes += _digest(canary) != before
        tell(f"{tally.files} of {files} spoilt files, {len(tally.crashed)} crashed their decoder")
    return tally


def options(jobs: int) -> BatchOptions:
    """How the files are developed: as a user does, with limits that fit such small pictures."""
    return BatchOptions(
        jobs=jobs, memory_bytes=jobs * MEMORY_BYTES, limits=Limits(timeout_s=TIME_LIMIT_S), kill_retries=0
    )


def _count(tally: Tally, report: BatchReport, *, expected: int) -> None:
    tally.files += expected
    tally.unaccounted += expected - sum(result.status in {Status.OK, Status.FAILED} for result in report.results)
    for result in report.results:
        name = Path(result.source).stem
        kind = result.reason.value if result.reason else result.verdict.value if result.verdict else "skipped"
        tally.reasons[kind] += 1
        tally.hangs += kind == "timed_out"
        tally.beyond_memory += result.peak_memory_bytes > MEMORY_BYTES + _OVERHEAD_BYTES
        if kind == "internal_error":
            tally.unforeseen.append(f"{name}: {result.message}")
        if kind == "decoder_crash":
            tally.crashed.append(f"{name}: {_why(result)}")


def _why(result: ImageResult) -> str:
    return (result.message or "")[:160]


def _keep_crashers(folder: Path, shoot: Path, report: BatchReport) -> None:
    for result in report.results:
        if result.reason is not None and result.reason.value in {"decoder_crash", "timed_out", "internal_error"}:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(shoot / Path(result.source).name, folder)


def _left_over(out: Path) -> list[Path]:
    """Unfinished renditions."""
    return list((out / ".rawmill" / "tmp").glob("*"))


def _workers() -> set[int]:
    """Processes that develop, by their ids. The fork server and its tracker stay for the next batch."""
    here = psutil.Process(os.getpid())
    return {child.pid for child in here.children(recursive=True) if _is_worker(child, here.pid)}


def _is_worker(process: psutil.Process, here: int) -> bool:
    try:
        started_by_server = process.ppid() != here and process.status() != psutil.STATUS_ZOMBIE
        return started_by_server and any("multiprocessing" in part for part in process.cmdline())
    except psutil.Error:
        return False


def _canary(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a", "b", "c"):
        (folder / name).write_text(f"nobody writes here: {name}")
    return folder


def _digest(folder: Path) -> str:
    told = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        told.update(f"{path.name}:{path.stat().st_mtime_ns}:".encode() + path.read_bytes())
    return told.hexdigest()
