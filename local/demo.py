"""`make demo`: sample RAWs through the whole platform, as a customer would send them, then everything is stopped."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.platform import Access, Platform
from local.running import find_running
from processor.recipe_io import load_recipe
from processor.sample import SAMPLE_SIZES, make_sample
from processor.sample.dng import Compression


@dataclass(frozen=True, kw_only=True)
class _Shot:
    """One sample RAW."""

    size: str
    orientation: int = 1
    compression: Compression = "none"


# A small shoot with what real ones hold: a large body, whose file is uploaded in parts, portraits, compressed files.
_SHOOT = (
    _Shot(size="45mp"),
    _Shot(size="24mp", compression="lossless-jpeg"),
    _Shot(size="6mp"),
    _Shot(size="6mp", orientation=8, compression="lossless-jpeg"),
    _Shot(size="6mp", orientation=6),
    _Shot(size="6mp"),
)

_RECIPE = ROOT / "processor" / "presets" / "default.toml"
_PAGES = {"contact sheet": "contact_sheet.html", "report": "report.html", "manifest": "manifest.json"}


def demo(folder: Path) -> int:
    """0 when every sample came back developed."""
    console = Console(highlight=False, soft_wrap=True)
    folder = folder.resolve()
    began_s = time.monotonic()
    say = _clock(console, began_s)
    samples, results = folder / "samples", folder / "results"
    layout = _empty_platform(folder, results)
    originals = _shoot(samples, console)
    say(f"{len(originals)} sample RAWs, {_mib(originals):.0f} MiB")
    with Platform(layout, said=say) as platform:
        say(f"the console is at {platform.access.url}; who may sign in stands in {platform.access.console_user_file}")
        say(f"submitting them to {platform.access.url}")
        _submit(platform.access, originals, out=results, state=folder / "client")
        say("everything is downloaded; stopping the platform")
    _unpack(results)
    renditions = sorted(path for path in results.rglob("*.jpg"))
    wanted = len(originals) * len(load_recipe(_RECIPE).renditions)
    if len(renditions) != wanted:
        raise LocalError(LocalReason.JOB_FAILED, f"{len(renditions)} of {wanted} renditions are in {results}")
    console.print(f"\n{len(originals)} RAWs became {wanted} renditions in {time.monotonic() - began_s:.0f} s")
    for name, page in _PAGES.items():
        console.print(f"{name:14} {_link(results, page)}")
    console.print(f"{'renditions':14} {renditions[0].parent}")
    console.print(f"{'originals':14} {samples}")
    console.print(f"{'logs':14} {layout.logs}")
    console.print("\nnext: `make up` runs the same platform for your own files and shows how to send them")
    return 0


def _empty_platform(folder: Path, results: Path) -> Layout:
    """Every demo begins with an empty platform; samples are kept, since making them again shows nothing."""
    layout = Layout(folder / "platform")
    if find_running(layout) is not None:
        raise LocalError(
            LocalReason.ALREADY_RUNNING, f"another demo runs in {folder}; wait for it or press Ctrl-C there"
        )
    for old in (layout.root, results, folder / "client"):
        shutil.rmtree(old, ignore_errors=True)
    return Layout(layout.root)


def _clock(console: Console, began_s: float) -> Callable[[str], None]:
    return lambda line: console.print(f"[dim]{time.monotonic() - began_s:5.1f} s[/dim]  {line}")


def _shoot(folder: Path, console: Console) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    numbered = [(folder / f"sample-{seed}-{shot.size}.dng", seed, shot) for seed, shot in enumerate(_SHOOT, start=1)]
    missing = [each for each in numbered if not each[0].exists()]
    # One process a core; the largest first.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        made = [pool.submit(_make, *each) for each in missing]
        for each in track(as_completed(made), "sample RAWs", total=len(made), console=console, transient=True):
            each.result()
    return [path for path, *_ in numbered]


def _make(path: Path, seed: int, shot: _Shot) -> None:
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


def _submit(access: Access, originals: list[Path], *, out: Path, state: Path) -> None:
    """The customer's own command, with its progress bars on this terminal."""
    command = [sys.executable, "-m", "client", "submit", *map(str, originals), "--recipe", str(_RECIPE)]
    ended = subprocess.run(
        [*command, "--watch", "--archive", "--out", str(out)],
        cwd=ROOT,
        check=False,
        env={
            **os.environ,
            "RAWMILL_URL": access.url,
            "RAWMILL_API_KEY": access.api_key_file.read_text(),
            # Nothing of yours is read or changed.
            "XDG_CONFIG_HOME": str(state),
            "XDG_STATE_HOME": str(state),
        },
    )
    if ended.returncode:
        raise LocalError(LocalReason.JOB_FAILED, f"the client ended with exit code {ended.returncode}")


def _unpack(folder: Path) -> None:
    for archive in folder.rglob("*.zip"):
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(archive.parent)


def _link(folder: Path, name: str) -> Path:
    found = next(folder.rglob(name), None)
    if found is None:
        raise LocalError(LocalReason.JOB_FAILED, f"the archive holds no {name}")
    return found


def _mib(files: list[Path]) -> float:
    return sum(path.stat().st_size for path in files) / 1024**2
