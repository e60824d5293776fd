"""What a customer does with the platform: makes a shoot, sends it with the command-line client, unpacks the results."""

import multiprocessing
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason
from local.fleet import Access
from processor.recipe_io import load_recipe
from processor.sample import SAMPLE_SIZES, make_sample
from processor.sample.dng import Compression


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One sample RAW."""

    size: str
    orientation: int = 1
    compression: Compression = "none"


# A small shoot with what real ones hold: a large body, whose file is uploaded in parts, portraits, compressed files.
SHOOT = (
    Shot(size="45mp"),
    Shot(size="24mp", compression="lossless-jpeg"),
    Shot(size="6mp"),
    Shot(size="6mp", orientation=8, compression="lossless-jpeg"),
    Shot(size="6mp", orientation=6),
    Shot(size="6mp"),
)

_RECIPE = ROOT / "processor" / "presets" / "default.toml"
_POLL_S = 0.2


def make_shoot(folder: Path, console: Console) -> list[Path]:
    """The files of `SHOOT`; those that are there already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = [(folder / f"sample-{seed}-{shot.size}.dng", seed, shot) for seed, shot in enumerate(SHOOT, start=1)]
    missing = [each for each in numbered if not each[0].exists()]
    if not missing:
        return [path for path, *_ in numbered]
    # One process a core; the largest first.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        made = [pool.submit(_make, *each) for each in missing]
        for each in track(as_completed(made), "sample RAWs", total=len(made), console=console, transient=True):
            each.result()
    return [path for path, *_ in numbered]


def submit(
    access: Access,
    originals: Sequence[Path],
    *,
    out: Path,
    state: Path,
    while_waiting: Callable[[], None] = lambda: None,
) -> None:
    """The customer's own command, with its progress bars on this terminal.

    Args:
        while_waiting: called a few times a second; what it raises ends the command.

    Raises:
        LocalError: the command failed.
    """
    command = [sys.executable, "-m", "client", "submit", *map(str, originals), "--recipe", str(_RECIPE)]
    environment = {
        **os.environ,
        "RAWMILL_URL": access.url,
        "RAWMILL_API_KEY": access.api_key_file.read_text(),
        # Nothing of yours is read or changed.
        "XDG_CONFIG_HOME": str(state),
        "XDG_STATE_HOME": str(state),
    }
    with subprocess.Popen([*command, "--watch", "--archive", "--out", str(out)], cwd=ROOT, env=environment) as client:
        try:
            while client.poll() is None:
                while_waiting()
                time.sleep(_POLL_S)
        except BaseException:
            client.terminate()
            raise
    if client.returncode:
        raise LocalError(LocalReason.JOB_FAILED, f"the client ended with exit code {client.returncode}")


def unpack(results: Path, *, originals: int) -> list[Path]:
    """The renditions of all originals, from the archive; `LocalError` when some are missing."""
    for archive in results.rglob("*.zip"):
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(archive.parent)
    renditions = sorted(results.rglob("*.jpg"))
    wanted = originals * len(load_recipe(_RECIPE).renditions)
    if len(renditions) != wanted:
        raise LocalError(LocalReason.JOB_FAILED, f"{len(renditions)} of {wanted} renditions are in {results}")
    return renditions


def mebibytes(files: Sequence[Path]) -> float:
    """What they take up."""
    return sum(path.stat().st_size for path in files) / 1024**2


def _make(path: Path, seed: int, shot: Shot) -> None:
    width, height = SAMPLE_SIZES[shot.size]
    unfinished = path.with_suffix(".part")
    make_sample(
        unfinished,
        width_px=width,
        height_px=height,
        seed=seed,
        compression=shot.compression,
        orientation=shot.orientation,
    )
    unfinished.replace(path)
