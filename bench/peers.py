"""Other programs on the same original: three renditions as JPEG, processor seconds of whole processes.

A peer that is not installed is listed as such. A peer's own start-up counts, and so does ours in the row of the same
kind; a second row of ours is the command line over a batch. Everything gets one thread where it can be told so.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import ours
from bench.job import Job
from bench.part import Bench, Figures, Target
from bench.peer_commands import PEERS, Command, Program, prepare
from bench.quality import psnr_db, read_picture
from processor.types import Rgb8, Tier

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
    "MAGICK_THREAD_LIMIT": "1",
    "OMP_THREAD_LIMIT": "1",
}
_BATCH = 12
OURS_ONCE = "ours, one fresh process"
OURS_BATCH = "ours, command line, per image of a batch"
_LEAST_DB = 12.0
"""Below this against `naive` a picture shows something else; other colours of the same scene stay above it."""
_LEAST_DETAIL = 0.25
"""Below this share of `naive`'s local contrast a picture was enlarged from a smaller one, such as a thumbnail."""


def run(bench: Bench) -> Figures:
    """Every installed peer and ourselves, in turn."""
    if not bench.scale.peer_rounds:
        return {"rows": {}, "missing": {}}
    job = bench.job(bench.sample(bench.scale.large_px), "peers")
    shutil.rmtree(job.out_dir, ignore_errors=True)
    rows: dict[str, list[Figures]] = {}
    notes, missing = {}, {}
    designs: dict[str, tuple[Job, list[Command]]] = {}
    for name, design, note in (
        ("naive, one fresh process", "naive", "rawpy and Pillow, the baseline"),
        (OURS_ONCE, "standard", "imports and kernels loaded for one image"),
    ):
        mine = replace(job, out_dir=job.out_dir / design)
        designs[name], notes[name] = (mine, [_once(design, mine)]), note
    notes["ours, command line"] = "`processor run`: three processes for one image"
    designs["ours, command line"] = _command_line(bench, job, 1)
    notes[OURS_BATCH] = f"`processor run --jobs 1` on {_BATCH} copies"
    designs[OURS_BATCH] = _command_line(bench, job, _BATCH)
    for peer in PEERS:
        tools = {key: find(program) for key, program in peer.programs.items()}
        absent = [" or ".join(peer.programs[key].names) for key, path in tools.items() if path is None]
        if absent:
            missing[peer.name] = absent
            continue
        theirs = replace(job, out_dir=(job.out_dir / peer.name.replace(" ", "-")).absolute())
        prepare(theirs, bench.scale.large_px)
        paths = {key: path for key, path in tools.items() if path is not None}
        designs[peer.name] = (theirs, peer.commands(theirs, bench.scale.large_px, paths))
        notes[peer.name] = peer.note
    for number in range(bench.scale.peer_rounds):
        for name, (of, commands) in designs.items():
            bench.tell(f"{name}, round {number + 1} of {bench.scale.peer_rounds}")
            if "command line" in name:
                shutil.rmtree(of.out_dir, ignore_errors=True)
            rows.setdefault(name, []).append(_timed(commands))
    reference = designs["naive, one fresh process"][0]
    figures = {name: _row(runs, designs[name][0], reference, name) for name, runs in rows.items()}
    for name, row in figures.items():
        row["note"] = notes[name]
    shutil.rmtree(job.out_dir, ignore_errors=True)
    return {"rows": figures, "missing": missing, "fastest": _fastest(figures)}


def _row(runs: list[Figures], job: Job, reference: Job, name: str) -> Figures:
    images = _BATCH if name.endswith("of a batch") else 1
    return {
        "cpu_s": statistics.median(run["cpu_s"] for run in runs) / images,
        "wall_s": statistics.median(run["wall_s"] for run in runs) / images,
        "peak_bytes": max(run["peak_bytes"] for run in runs),
        "problem": _problem(runs, job, reference, name),
    }


def _problem(runs: list[Figures], job: Job, reference: Job, name: str) -> str | None:
    """Why a row does not count: it failed, or what it made is not the picture."""
    codes = [code for run in runs for code in run["exit_codes"] if code]
    if codes:
        return f"fails with exit code {codes[0]}"
    if "command line" in name:
        return None  # its outputs carry names by content; the designs of the speed table compare them
    for rendition in job.long_edges_px:
        try:
            picture = read_picture(job.out_dir / f"{rendition}.jpg")
        except OSError:
            return f"makes no {rendition}"
        wanted = read_picture(reference.out_dir / f"{rendition}.jpg")
        if max(picture.shape) != max(wanted.shape):
            return f"makes {rendition} of {picture.shape[1]}×{picture.shape[0]} px"
        height, width = (min(sides) for sides in zip(picture.shape[:2], wanted.shape[:2], strict=True))
        other = _other_picture(picture[:height, :width], wanted[:height, :width])
        if other is not None:
            return f"silently wrong: {rendition} {other}"
    return None


def _other_picture(picture: Rgb8, wanted: Rgb8) -> str | None:
    """In which way a picture is not the one that was wanted, or None."""
    if psnr_db(picture, wanted) < _LEAST_DB:
        return "shows something else"
    detail = _local_contrast(picture) / _local_contrast(wanted)
    return None if detail >= _LEAST_DETAIL else f"has {detail:.0%} of the detail, enlarged from a thumbnail"


def _local_contrast(picture: Rgb8) -> float:
    """Mean absolute difference of green between neighbours in a row."""
    return float(np.abs(np.diff(picture[..., 1].astype(np.int16), axis=1)).mean())


def _fastest(rows: Figures) -> str | None:
    peers = {
        name: row["cpu_s"]
        for name, row in rows.items()
        if row["problem"] is None and not name.startswith(("ours", "naive"))
    }
    return min(peers, key=lambda name: peers[name]) if peers else None


def _once(design: str, job: Job) -> Command:
    edges = [f"{name}={pixels}" for name, pixels in job.long_edges_px.items()]
    return [sys.executable, "-m", "bench.once", design, str(job.source), str(job.logo), str(job.out_dir), *edges]


def _command_line(bench: Bench, job: Job, images: int) -> tuple[Job, list[Command]]:
    inputs = bench.folder / "inputs" / f"peers-{bench.scale.name}-{images}"
    shutil.rmtree(inputs, ignore_errors=True)
    inputs.mkdir(parents=True)
    for number in range(images):
        os.link(job.source, inputs / f"{number:03d}.dng")
    recipe = inputs / "recipe.json"
    recipe.write_text(ours.recipe(replace(job, logo=job.logo.absolute()), Tier.STANDARD).model_dump_json())
    mine = replace(job, out_dir=job.out_dir / f"command-line-{images}")
    command = [sys.executable, "-m", "processor", "run", str(inputs), "--out", str(mine.out_dir)]
    return mine, [[*command, "--recipe", str(recipe), "--jobs", "1", "--quiet"]]


def _timed(commands: list[Command]) -> Figures:
    """Costs of all processes that the commands start.

    Python may keep its byte code, as it does for users: where this process must not, ours would be compiled each time.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-S", str(Path(__file__).with_name("timed.py"))],
        input=json.dumps(commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env={**environment, **_ONE_THREAD, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def find(program: Program) -> str | None:
    """Path of a program on PATH that says what it is; a name alone deceives, `convert` is also the name of others."""
    for folder in os.get_exec_path():
        for name in program.names:
            path = shutil.which(name, path=folder)
            if path is not None and program.says.lower() in _answer(path, program.ask).lower():
                return path
    return None


def _answer(path: str, ask: tuple[str, ...]) -> str:
    try:
        asked = subprocess.run([path, *ask], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout + asked.stderr


def show(figures: Figures, console: Console) -> None:
    """One row per way; ratios to ourselves as one process and in a batch."""
    rows = figures["rows"]
    if not rows:
        return
    table = Table(title="Other programs on the same original: processor seconds per image")
    for column in ("way", "CPU s", "wall s", "peak MB", "to one process of ours", "to our batch", "note"):
        table.add_column(column, justify="left" if column in {"way", "note"} else "right")
    for name, row in rows.items():
        problem = row["problem"]
        table.add_row(
            name,
            f"{row['cpu_s']:.2f}",
            f"{row['wall_s']:.2f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
            "–" if problem else f"{row['cpu_s'] / rows[OURS_ONCE]['cpu_s']:.1f}×",
            "–" if problem else f"{row['cpu_s'] / rows[OURS_BATCH]['cpu_s']:.1f}×",
            f"[red]{problem}[/]" if problem else row["note"],
        )
    console.print(table)
    for name, programs in figures["missing"].items():
        console.print(f"not measured: {name} ({', '.join(programs)} not installed)")


def targets(figures: Figures) -> list[Target]:
    """Against the fastest peer that does the job."""
    rows, fastest = figures["rows"], figures.get("fastest")

    def ratio(ours_name: str) -> float | None:
        return rows[fastest]["cpu_s"] / rows[ours_name]["cpu_s"] if fastest else None

    name = fastest or "the fastest peer"
    return [
        Target(what=f"{name} / ours, per image of a batch", measured=ratio(OURS_BATCH), needed=6),
        Target(what=f"{name} / ours, one whole process", measured=ratio(OURS_ONCE), needed=3),
    ]
