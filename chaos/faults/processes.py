"""Processes that are killed: children, workers, web tasks, one after the other and at random."""

import random
import signal
import time
from collections.abc import Callable

import psutil

from chaos.faults import Fault, fault
from chaos.field import Field
from chaos.fleet import below, send_signal
from local.tasks import Part

_random = random.Random(20)


class _Kills(Fault):
    """Kills something every now and then."""

    every_s = 0.7

    def __init__(self) -> None:
        self._kills = 0

    def victim(self, target: Field) -> int | None:
        """Process id of the next one to die."""
        raise NotImplementedError

    def inject(self, target: Field) -> None:
        until_s = time.monotonic() + self.lasts_s
        while time.monotonic() < until_s:
            pid = self.victim(target)
            if pid is not None:
                self._kills += send_signal(pid, signal.SIGKILL)
            time.sleep(self.every_s)

    def hits(self, target: Field) -> int:  # noqa: ARG002
        return self._kills


@fault
class KillChildren(_Kills):
    name = "children killed"
    what = "`kill -9` of a process that develops an image, again and again"

    def victim(self, target: Field) -> int | None:
        return _any([child.pid for task in target.fleet.running(Part.WORKER) for child in below(task) if works(child)])


@fault
class KillWorkers(_Kills):
    name = "workers killed"
    what = "`kill -9` of the workers, one after the other"
    every_s = 1.2

    def __init__(self) -> None:
        super().__init__()
        self._turn = _in_turn(Part.WORKER)

    def victim(self, target: Field) -> int | None:
        return self._turn(target)


@fault
class KillWebs(_Kills):
    name = "web killed"
    what = "`kill -9` of the web tasks, one after the other"
    every_s = 1.0
    lasts_s = 8.0

    def __init__(self) -> None:
        super().__init__()
        self._turn = _in_turn(Part.WEB)

    def victim(self, target: Field) -> int | None:
        # The next one only when the last one is back: both at once is another fault.
        return self._turn(target) if target.is_whole() else None


@fault
class KillAtRandom(_Kills):
    name = "anything killed"
    what = "`kill -9` of any process of the service at random: tasks, their children, the sweeper"
    every_s = 0.9
    lasts_s = 8.0

    def victim(self, target: Field) -> int | None:
        tasks = target.fleet.running()
        return _any([task.pid for task in tasks] + [child.pid for task in tasks for child in below(task)])


def works(child: psutil.Process) -> bool:
    """Whether it is a child of the fork server: what develops, not what starts."""
    try:
        parent = child.parent()
        return parent is not None and "forkserver" in " ".join(parent.cmdline())
    except psutil.Error:
        return False


def _in_turn(part: Part) -> Callable[[Field], int | None]:
    killed: list[str] = []

    def next_one(target: Field) -> int | None:
        running = target.fleet.running(part)
        fresh = [task for task in running if task.name not in killed]
        if not fresh:
            killed.clear()
            fresh = running
        if not fresh:
            return None
        killed.append(fresh[0].name)
        return fresh[0].pid

    return next_one


def _any(pids: list[int]) -> int | None:
    return _random.choice(pids) if pids else None
