"""A web task is killed while users ask: when the balancer notices, when users do, when another is in its place."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from audit.spof.times import Times
from chaos.evidence.cases import Case, Figures, Shown, Stage, case
from chaos.evidence.image import kill_task
from chaos.evidence.notes import FAILED, IN, OUT, PASSED, first, read_notes
from chaos.evidence.pictures import web_timeline
from chaos.evidence.spread import middle_one, spread
from chaos.evidence.users import Asked, Users
from chaos.field import Field, wait_until
from chaos.relay.balancer import DOWN_AFTER, EVERY_S, UP_AFTER
from local.process import ChildProcess
from local.tasks import Part

KILLS = 5
BIN_S = 0.25
BEFORE_S, AFTER_S = 1.0, 1.5
_WITHIN_S = 120.0
_STEPS = ("first_failed_check", "out", "started", "healthy", "in")


@case
class WebKilled(Case):
    name = "web"
    order = 1

    def run(self, stage: Stage) -> Figures:
        target = stage.target
        runs: list[dict[str, Any]] = []
        bins: list[dict[str, Any]] = []
        for number in range(KILLS):
            webs = target.fleet.running(Part.WEB)
            stage.tell(f"kill -9 of {webs[number % len(webs)].name}, {number + 1} of {KILLS}")
            run, bin_ = _kill(target, webs[number % len(webs)])
            runs.append(run)
            bins.append(bin_)
        shown = middle_one([run["in"] for run in runs])
        broken = [f"kill {number}: {what}" for number, run in enumerate(runs, 1) for what in broken_by(run)]
        return {
            "every_s": EVERY_S,
            "down_after": DOWN_AFTER,
            "up_after": UP_AFTER,
            "runs": runs,
            "shown": {**runs[shown], **bins[shown]},
            "broken": broken,
        }

    def tables(self, figures: Figures, times: Times) -> list[Shown]:
        runs = figures["runs"]
        slowest_out = times.check_every_s * times.down_after + times.check_within_s
        rows = [
            ("first health check that fails", _of(runs, "first_failed_check"), f"0 to {times.check_every_s} s"),
            (
                f"out of rotation, after {figures['down_after']} bad checks",
                _of(runs, "out"),
                f"{times.check_every_s * (times.down_after - 1)} to {slowest_out} s, after {times.down_after}",
            ),
            ("last request that failed was sent", _of(runs, "last_failed"), "until it is out of rotation"),
            ("another task is started", _of(runs, "started"), "at once: ECS sees the container end"),
            ("its first good check", _of(runs, "healthy"), f"its start, and 0 to {times.check_every_s} s"),
            (f"in rotation, after {figures['up_after']} good checks", _of(runs, "in"), _in_again(times)),
        ]
        asked, failed = sum(run["asked"] for run in runs), sum(run["failed"] for run in runs)
        errors = sorted({each for run in runs for each in run["errors"]})
        seen = (
            "requests that failed",
            f"{failed} of {asked}, with {', '.join(errors) or 'nothing'}",
            "those that meet the dead task, half of them while there are two",
        )
        head = (f"after `kill -9` of a web task, {len(runs)} times", "here", "on AWS, by the templates of prod")
        return [Shown(block="web", title="A web task is killed", head=head, rows=[*rows, seen])]

    def pictures(self, figures: Figures) -> Mapping[str, str]:
        return {"evidence-web.svg": web_timeline(figures)}


def broken_by(run: Mapping[str, Any]) -> list[str]:
    """Promises that one kill broke."""
    broken = []
    steps = [run[step] for step in _STEPS]
    if None in steps or run["in"] < run["healthy"] or run["out"] < run["first_failed_check"]:
        broken.append(f"not out of rotation and in again in order: {dict(zip(_STEPS, steps, strict=True))}")
    if run["failed_outside"]:
        broken.append(f"{run['failed_outside']} requests failed before the kill or after the task was out of rotation")
    if not run["answered_by_others"]:
        broken.append("no other task answered while it was dead")
    return broken


def _kill(target: Field, task: ChildProcess) -> tuple[dict[str, Any], dict[str, Any]]:
    target.wait_whole()
    port = int(task.program.environment["RAWMILL_PORT"])
    log = target.platform.layout.log("balancer")
    with Users(target) as users:
        time.sleep(BEFORE_S)
        killed = kill_task(task)
        wait_until(lambda: _pid(target, task.name) not in {None, task.pid}, within_s=_WITHIN_S, what="another task")
        started = time.time()
        wait_until(
            lambda: first(read_notes(log), IN, port=port, since=killed) is not None,
            within_s=_WITHIN_S,
            what=f"{task.name} is in rotation again",
        )
        time.sleep(AFTER_S)
    notes = read_notes(log)
    out = first(notes, OUT, port=port, since=killed)
    moments = {
        "first_failed_check": first(notes, FAILED, port=port, since=killed),
        "out": out,
        "started": started,
        "healthy": first(notes, PASSED, port=port, since=killed),
        "in": first(notes, IN, port=port, since=killed),
    }
    failed = [each for each in users.asked if each.failed]
    over = out or started
    run = {
        "task": task.name,
        **{name: None if at is None else round(at - killed, 2) for name, at in moments.items()},
        "last_failed": round(max((each.at for each in failed), default=killed) - killed, 2),
        "asked": len(users.asked),
        "failed": len(failed),
        "failed_outside": sum(each.until < killed or each.at > over for each in failed),
        "answered_by_others": sum(
            killed < each.at < over and not each.failed and each.port != port for each in users.asked
        ),
        "errors": sorted({each.result for each in failed}),
    }
    return run, {"bin_s": BIN_S, "bins": bins_of(users.asked, killed=killed, port=port)}


def bins_of(asked: Sequence[Asked], *, killed: float, port: int) -> list[list[float]]:
    """`[start, by the task, by others, failed]`: questions by the moment at which they were asked, since the kill."""
    found: dict[int, list[int]] = {}
    for each in asked:
        counts = found.setdefault(int((each.at - killed) // BIN_S), [0, 0, 0])
        counts[2 if each.failed else 0 if each.port == port else 1] += 1
    return [[number * BIN_S, *counts] for number, counts in sorted(found.items())]


def _pid(target: Field, name: str) -> int | None:
    return next((task.pid for task in target.fleet.running(Part.WEB) if task.name == name), None)


def _of(runs: Sequence[Mapping[str, Any]], step: str) -> str:
    return spread(run[step] for run in runs if run[step] is not None)


def _in_again(times: Times) -> str:
    least, most = times.check_every_s * (times.up_after - 1), times.check_every_s * times.up_after
    return f"its start, and {least} to {most} s, by {times.up_after} good checks"
