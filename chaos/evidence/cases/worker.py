"""A worker is killed with an image in hand: how long the image is out of sight, and when another worker is done."""

import time
from collections.abc import Mapping
from typing import Any

from audit.spof.times import Times
from chaos.evidence.cases import Case, Figures, Shown, Stage, case
from chaos.evidence.image import OVER_WITHIN_S, at_work, kill_task, told, until
from chaos.evidence.spread import spread
from chaos.field import Field, wait_until
from client import Submission
from local.process import ChildProcess
from local.tasks import Part

KILLS = 3


@case
class WorkerKilled(Case):
    name = "worker"
    order = 2

    def run(self, stage: Stage) -> Figures:
        runs: list[dict[str, Any]] = []
        for number in range(1, KILLS + 1):
            stage.tell(f"kill -9 of a worker with an image in hand, {number} of {KILLS}")
            runs.append(_kill(stage))
        broken = [f"kill {number}: {what}" for number, run in enumerate(runs, 1) for what in broken_by(run)]
        visibility_s = int(stage.target.told["RAWMILL_VISIBILITY_TIMEOUT_S"])
        return {"visibility_s": visibility_s, "runs": runs, "broken": broken}

    def tables(self, figures: Figures, times: Times) -> list[Shown]:
        runs, here = figures["runs"], figures["visibility_s"]
        rows = [
            (
                "another worker is started",
                spread(run["started"] for run in runs),
                "at once: ECS sees the container end",
            ),
            (
                f"its lease and its message's hiding are over (here {here} s)",
                spread(run["lease_over"] for run in runs),
                f"{times.visibility_s * 2 // 3} to {times.visibility_s} s: both are prolonged at each third",
            ),
            ("a worker begins with the image again", spread(run["again"] for run in runs), "when its hiding is over"),
            ("the image is done", spread(run["done"] for run in runs), "as long as developing takes"),
            ("tries in all", ", ".join(str(run["attempts"]) for run in runs), f"of {times.max_receives}"),
        ]
        head = (f"after `kill -9` of its worker, {len(runs)} times", "here", "on AWS, by the templates of prod")
        return [Shown(block="worker", title="A worker is killed", head=head, rows=rows)]


def broken_by(run: Mapping[str, Any]) -> list[str]:
    """Promises that one kill broke."""
    broken = []
    if run["status"] != "completed":
        broken.append(f"the image ended as {run['status']}")
    if run["attempts"] != 2:
        broken.append(f"it took {run['attempts']} tries instead of two")
    if run["again"] < run["lease_over"]:
        broken.append(
            f"it was given to another after {run['again']} s, before its lease was over ({run['lease_over']} s)"
        )
    return broken


def _kill(stage: Stage) -> dict[str, Any]:
    target = stage.target
    target.wait_whole()
    with told(target, stage.folder) as story:
        found = at_work(target)
        if found is None:
            raise TimeoutError("no worker took the image")
        worker, _ = found
        killed = kill_task(worker)
        lease = until(story, lambda seen: seen.attempts == 1 and seen.lease_until is not None)
        wait_until(lambda: _is_replaced(target, worker), within_s=OVER_WITHIN_S, what="another worker is started")
        started = time.time()
        again = until(story, lambda seen: seen.attempts > 1)
        done = until(story, lambda seen: seen.settled is not None)
        ending = story.submission()
    return {
        "started": round(started - killed, 2),
        "lease_over": round((lease.lease_until or killed) - killed, 2),
        "again": round(again.at - killed, 2),
        "done": round((done.settled or done.at) - killed, 2),
        "attempts": done.attempts,
        "status": done.status if isinstance(ending, Submission) else f"{done.status}, and the client gave up: {ending}",
    }


def _is_replaced(target: Field, worker: ChildProcess) -> bool:
    return any(task.name == worker.name and task.pid != worker.pid for task in target.fleet.running(Part.WORKER))
