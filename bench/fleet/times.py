"""Measures what one image costs one core, for the fleet simulation: a batch of one process over the default recipe."""

import json
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.fleet.drain import RECIPE, linked
from bench.inputs import Compression, sample
from bench.machine import describe
from bench.scale import Size
from processor.batch import BatchOptions, run_batch
from processor.recipe_io import preset
from processor.result import ImageResult

CAMERAS: dict[str, tuple[Size, Compression]] = {
    "12mp": ((4256, 2832), "none"),
    "24mp": ((6000, 4000), "none"),
    "45mp-compressed": ((8256, 5504), "lossless-jpeg"),
}
SEEDS = 2
"""Different pictures of each camera."""
REPEATS = 5
WARM_UP = 2
"""Images that load what later ones find in memory."""


def measure(folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """The figures as the simulation's file holds them."""
    machine = describe()["machine"]
    originals: dict[str, list[Path]] = {}
    for name, (size, compression) in CAMERAS.items():
        tell(f"{name}: {SEEDS} sample RAWs")
        originals[name] = [sample(folder / "inputs", size, compression, seed) for seed in range(1, SEEDS + 1)]
    cameras: dict[str, Any] = {}
    for name, files in originals.items():
        tell(f"{name}: {SEEDS * REPEATS} images in one process")
        shoot = linked([*files[:WARM_UP], *files * REPEATS], folder / "shoots" / name)
        report = run_batch([shoot], preset(RECIPE), folder / "out" / name, BatchOptions(jobs=1))
        cameras[name] = _figures(CAMERAS[name][0], files, report.results[WARM_UP:])
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{machine['cpu']}, {machine['cores']} cores",
        "source": "make fleet-times: processor seconds of each image in a batch of one process",
        "recipe": RECIPE,
        "cameras": cameras,
    }


def _figures(size: Size, originals: Sequence[Path], results: Sequence[ImageResult]) -> dict[str, Any]:
    return {
        "megapixels": round(size[0] * size[1] / 1e6, 1),
        "original_mb": round(statistics.mean(path.stat().st_size for path in originals) / 1e6, 1),
        "renditions_mb": round(
            statistics.mean(sum(output.size_bytes for output in result.outputs) for result in results) / 1e6, 2
        ),
        "seconds": [round(result.cpu_s, 3) for result in results],
    }


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the file that the simulation reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
