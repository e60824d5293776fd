"""What a worker costs beside the processor: the same originals through the service and through a local batch.

Counted in processor seconds, which do not depend on how far away storage is: those of the child outside `develop` and
of the supervisor, per image. Moving the bytes (the original in, renditions out) is its own row, for it grows with the
file and not with the worker: the batch of a laptop reads its originals from a disk, a worker has to receive them.
Waiting for storage costs no processor time; it is shown as wall seconds, and a worker hides it behind other images
when it has more children than cores.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.inputs import sample
from bench.part import Bench, Figures, Target
from bench.service.running import Running
from client import JobStatus, Quiet, Rawmill
from local.aws.endpoints import ROOT
from processor.batch import BatchOptions, run_batch
from processor.recipe_io import preset

SIZES = {"6 MP": (3000, 2000), "45 MP": (8256, 5504)}
IMAGES = {"full": {"6 MP": 40, "45 MP": 12}, "quick": {"6 MP": 10, "45 MP": 4}}
WARM_UP = 2
"""Images of every child that are not counted: the first ones load what later ones find in memory."""
NEEDED_PERCENT = {"6 MP": 5.0, "45 MP": 1.0}
RECIPE = "default"


def run(bench: Bench, running: Running) -> Figures:
    """Develops the same files by a batch of one process and by a worker of one child."""
    key = running.new_key("bench-overhead")
    worker = next(child for child in running.platform.children if child.name == "worker")
    environment = dict(worker.program.environment)
    worker.ask_to_stop()
    figures: Figures = {}
    for name, size in SIZES.items():
        images = IMAGES[bench.scale.name][name]
        original = sample(bench.folder / "inputs", size, "none", 1)
        shoot = _copies(original, bench.folder / "shoots" / name.replace(" ", ""), images + WARM_UP)
        bench.tell(f"{images} originals of {name} in a batch")
        report = run_batch([shoot], preset(RECIPE), bench.out(f"batch-{name[:2]}"), BatchOptions(jobs=1))
        batch = [result.cpu_s for result in report.results[WARM_UP:]]
        bench.tell(f"{images} originals of {name} through the service")
        lines = _through_the_service(bench, running, key, shoot, environment)
        done = [line for line in lines if line["message"] == "image_completed"][WARM_UP:]
        # So far, at the end of every image: from the first counted one to the last, without start and end.
        supervisor_s = _of(done, "supervisor_cpu_s")
        develop_s, transfer_s = mean(_of(done, "develop_cpu_s")), mean(_of(done, "transfer_cpu_s"))
        child_s = mean(_of(done, "cpu_s"))
        supervising_s = (supervisor_s[-1] - supervisor_s[0]) / (len(done) - 1)
        own_s = child_s - develop_s - transfer_s + supervising_s
        figures[name] = {
            "images": images,
            "batch_cpu_s": mean(batch),
            "develop_cpu_s": develop_s,
            "transfer_cpu_s": transfer_s,
            "supervisor_cpu_s": supervising_s,
            "child_other_cpu_s": child_s - develop_s - transfer_s,
            "overhead_percent": own_s / develop_s * 100,
            "transfer_percent": transfer_s / develop_s * 100,
            "fetch_wait_s": mean(_of(done, "fetch_s")),
            "deliver_wait_s": mean(_of(done, "deliver_s")),
        }
    return figures


def show(figures: Figures, console: Console) -> None:
    """Prints the table."""
    table = Table(title="Processor milliseconds per image, one child")
    for column in ("original", "batch", "develop", "worker's own", "overhead", "moving bytes", "of develop", "waits"):
        table.add_column(column, justify="right")
    for name, row in figures.items():
        own_s = row["supervisor_cpu_s"] + row["child_other_cpu_s"]
        waits_s = row["fetch_wait_s"] + row["deliver_wait_s"]
        table.add_row(
            name,
            f"{row['batch_cpu_s'] * 1000:.0f}",
            f"{row['develop_cpu_s'] * 1000:.0f}",
            f"{own_s * 1000:.1f}",
            f"{row['overhead_percent']:.1f} %",
            f"{row['transfer_cpu_s'] * 1000:.1f}",
            f"{row['transfer_percent']:.1f} %",
            f"{waits_s * 1000:.0f} (wall)",
        )
    console.print(table)


def targets(figures: Figures) -> list[Target]:
    """The goals."""
    return [
        Target(
            what=f"worker's overhead per image of {name}",
            measured=row["overhead_percent"],
            needed=NEEDED_PERCENT[name],
            unit="%",
            at_most=True,
        )
        for name, row in figures.items()
    ]


def _through_the_service(
    bench: Bench, running: Running, key: str, shoot: Path, environment: dict[str, str]
) -> list[dict[str, Any]]:
    """Submits the folder while no worker runs, then runs one worker until the queue is empty; returns its log."""
    recipe = preset(RECIPE).model_dump(mode="json", exclude_none=True)
    scratch = bench.folder / "scratch"
    one = {"RAWMILL_PROCESSES": "1", "RAWMILL_LOG_FORMAT": "json", "RAWMILL_SCRATCH": str(scratch)}
    with Rawmill(running.url, key, state=bench.folder / "state") as rawmill:
        submission = rawmill.submit([shoot], recipe=recipe, progress=Quiet(), anew=True, wait=False)
        done = subprocess.run(
            [sys.executable, "-m", "service", "worker", "--until-empty"],
            env={**environment, **one},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        if rawmill.job(submission.job.job_id).status is not JobStatus.COMPLETED:
            raise RuntimeError(f"the job did not complete: {done.stdout[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _of(lines: list[dict[str, Any]], field: str) -> list[float]:
    return [float(line[field]) for line in lines]


def _copies(original: Path, folder: Path, count: int) -> Path:
    """A folder with the same photo under many names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        copy = folder / f"IMG_{number:04d}.DNG"
        if not copy.exists():
            copy.hardlink_to(original)
    return folder
