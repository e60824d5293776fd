"""Lets one real worker of the local platform drain the queue, and reads from its log what it did when."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.service.running import Running
from client import JobStatus, Quiet, Rawmill
from local.aws.endpoints import ROOT
from processor.recipe_io import preset

RECIPE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Developed:
    """One image.

    Attributes:
        ended_s: from the start of the worker's process until its row was settled.
        took_s: in the worker's hands, on the clock.
        cpu_s: processor seconds of its child.
    """

    ended_s: float
    took_s: float
    cpu_s: float
    megapixels: float


class Drains:
    """A platform whose worker runs only when asked."""

    def __init__(self, running: Running, folder: Path) -> None:
        worker = next(child for child in running.platform.children if child.name == "worker")
        self._environment = dict(worker.program.environment)
        worker.ask_to_stop()
        self._running, self._folder = running, folder
        # Of its own: a worker that an interrupted run has left behind still holds the old one.
        self._scratch = folder / f"scratch-{os.getpid()}"
        self._key = running.new_key("bench-fleet")

    def drain(self, originals: Sequence[Path], *, name: str, processes: int) -> list[Developed]:
        """Queue these originals while no worker runs, start one, and wait until it has run dry.

        Raises:
            RuntimeError: the job did not complete.
        """
        shoot = linked(originals, self._folder / "shoots" / name)
        recipe = preset(RECIPE).model_dump(mode="json", exclude_none=True)
        settings = {
            "RAWMILL_PROCESSES": str(processes),
            "RAWMILL_LOG_FORMAT": "json",
            "RAWMILL_SCRATCH": str(self._scratch),
        }
        with Rawmill(self._running.url, self._key, state=self._folder / "state") as rawmill:
            submission = rawmill.submit([shoot], recipe=recipe, progress=Quiet(), anew=True, wait=False)
            began_s = time.time()
            done = subprocess.run(
                [sys.executable, "-m", "service", "worker", "--until-empty"],
                env={**self._environment, **settings},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"the worker ended with exit code {done.returncode}: {done.stderr[-2000:]}")
            if rawmill.job(submission.job.job_id).status is not JobStatus.COMPLETED:
                raise RuntimeError(f"the job did not complete: {done.stdout[-2000:]}")
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return [_developed(line, began_s) for line in lines if line["message"] == "image_completed"]


def _developed(line: dict[str, Any], began_s: float) -> Developed:
    return Developed(
        ended_s=datetime.fromisoformat(line["timestamp"]).timestamp() - began_s,
        took_s=float(line["ImageTime"]),
        cpu_s=float(line["cpu_s"]),
        megapixels=float(line["megapixels"]),
    )


def linked(originals: Sequence[Path], folder: Path) -> Path:
    """A folder of links to these files, one each, in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, original in enumerate(originals):
        link = folder / f"IMG_{number:04d}.DNG"
        link.unlink(missing_ok=True)
        link.hardlink_to(original)
    return folder
