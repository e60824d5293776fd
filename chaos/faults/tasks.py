"""What happens to whole tasks: deployments one after the other, a lost zone, more sweepers than one."""

import signal
import subprocess
import sys
import time

from chaos.faults import Fault, fault
from chaos.field import SWEEP_EVERY_S, Field, wait_until
from chaos.fleet import part_of, send_signal
from local.aws.endpoints import ROOT
from local.tasks import Part

_LOST_ZONE = "b"
_REPLACED_WITHIN_S = 300.0


@fault
class Deployments(Fault):
    name = "deployments in a row"
    what = "SIGTERM to every task, half of them at a time, each half when the other is healthy again, twice over"

    def __init__(self) -> None:
        self._signals = 0

    def inject(self, target: Field) -> None:
        for _ in range(2):
            for zone in ("a", "b"):
                before = target.fleet.running(zone=zone)
                for task in before:
                    self._signals += send_signal(task.pid, signal.SIGTERM)
                # As ECS does: no more old tasks are stopped before the new ones are healthy.
                pids = {task.pid for task in before}
                wait_until(
                    lambda pids=pids: not pids & {task.pid for task in target.fleet.tasks()},  # type: ignore[misc]
                    within_s=_REPLACED_WITHIN_S,
                    what="every task that was told to stop is replaced",
                )
                target.wait_whole()

    def hits(self, target: Field) -> int:
        del target
        return self._signals


@fault
class SignalStorm(Fault):
    name = "storm of SIGTERM"
    what = "SIGTERM to all workers and sweepers at once, a second one to some, again before they are back"

    def __init__(self) -> None:
        self._signals = 0

    def inject(self, target: Field) -> None:
        until_s = time.monotonic() + self.lasts_s
        while time.monotonic() < until_s:
            for number, task in enumerate(target.fleet.running()):
                if part_of(task) is Part.WEB:
                    continue
                for _ in range(1 + number % 2):
                    self._signals += send_signal(task.pid, signal.SIGTERM)
            time.sleep(1.5)

    def hits(self, target: Field) -> int:
        del target
        return self._signals


@fault
class ZoneLost(Fault):
    name = "zone lost"
    what = "all tasks of one of two zones are killed at once and none starts there for 10 s"
    lasts_s = 10.0

    def __init__(self) -> None:
        self._killed = 0

    def inject(self, target: Field) -> None:
        target.fleet.close_zone(_LOST_ZONE)
        for task in target.fleet.running(zone=_LOST_ZONE):
            self._killed += send_signal(task.pid, signal.SIGKILL)
        time.sleep(self.lasts_s)

    def heal(self, target: Field) -> None:
        target.fleet.open_zones()

    def hits(self, target: Field) -> int:
        del target
        return self._killed


@fault
class ThreeSweepers(Fault):
    name = "three sweepers"
    what = f"two more sweepers, which sweep all the time beside the one that sweeps every {SWEEP_EVERY_S:.0f} s"
    lasts_s = 8.0

    def __init__(self) -> None:
        self._more: list[subprocess.Popen[bytes]] = []

    def inject(self, target: Field) -> None:
        sweeper = target.fleet.tasks(Part.SWEEP)[0]
        command = [sys.executable, "-m", "service", "sweep", "--every", "0.1"]
        self._more = [
            subprocess.Popen(
                command, env=dict(sweeper.program.environment), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=None
            )
            for _ in range(2)
        ]
        time.sleep(self.lasts_s)

    def heal(self, target: Field) -> None:
        del target
        for sweeper in self._more:
            sweeper.terminate()
        for sweeper in self._more:
            sweeper.wait(30)

    def hits(self, target: Field) -> int:
        del target
        return sum(sweeper.poll() is None for sweeper in self._more)
