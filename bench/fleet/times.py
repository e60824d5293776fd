"""Measures what one image costs one core of a real worker, for the fleet simulation."""

import json
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.fleet.drain import RECIPE, Drains
from bench.inputs import Compression, sample
from bench.machine import describe
from bench.scale import Size
from bench.service.running import running_platform
from processor.batch import BatchOptions, run_batch
from processor.recipe_io import preset

CAMERAS: dict[str, tuple[Size, Compression]] = {
    "12mp": ((4256, 2832), "none"),
    "24mp": ((6000, 4000), "none"),
    "45mp-compressed": ((8256, 5504), "lossless-jpeg"),
}
SEEDS = 2
"""Different pictures of each camera."""
REPEATS = 4
WARM_UP = 2
"""Images that load what later ones find in memory."""


def measure(folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """The figures as the simulation's file holds them: every image of every camera through a worker of one process."""
    machine = describe()["machine"]
    cameras: dict[str, Any] = {}
    with running_platform(folder / "platform", tell=tell) as running:
        drains = Drains(running, folder)
        for name, (size, compression) in CAMERAS.items():
            tell(f"{name}: {SEEDS} sample RAWs")
            originals = [sample(folder / "inputs", size, compression, seed) for seed in range(1, SEEDS + 1)]
            report = run_batch([originals[0]], preset(RECIPE), folder / "out" / name, BatchOptions(jobs=1))
            delivered = sum(output.size_bytes for output in report.results[0].outputs)
            tell(f"{name}: {SEEDS * REPEATS} images through a worker")
            done = drains.drain([*originals[:WARM_UP], *originals * REPEATS], name=name, processes=1)[WARM_UP:]
            supervising_s = (done[-1].supervisor_cpu_s - done[0].supervisor_cpu_s) / (len(done) - 1)
            cameras[name] = {
                "megapixels": round(size[0] * size[1] / 1e6, 1),
                "original_mb": round(statistics.mean(path.stat().st_size for path in originals) / 1e6, 1),
                "renditions_mb": round(delivered / 1e6, 2),
                "seconds": [round(each.cpu_s + supervising_s, 3) for each in done],
            }
    return {
        "measured_on": datetime.now(UTC).date().isoformat(),
        "machine": f"{machine['cpu']}, {machine['cores']} cores",
        "source": "make fleet-times: processor seconds of child and supervisor, one process, the local platform",
        "recipe": RECIPE,
        "cameras": cameras,
    }


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the file that the simulation reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
