"""Clocks that jump: the time of day of half of the tasks, forward and back, while they run.

Their monotonic clock goes on, as it does on a machine whose time is set: only what asks for the time of day is fooled.
"""

import time

from chaos.clock import Clock, compiler
from chaos.faults import Fault, fault
from chaos.field import Field

_ZONE = "b"
_JUMPS_S = (300, -300)
"""AWS refuses signatures that are off by more than fifteen minutes; a machine that keeps time is never off by one."""


@fault
class ClockJumps(Fault):
    name = "clock jumps"
    what = "the clock of all tasks of one zone jumps five minutes ahead, then five minutes behind, and back"
    lasts_s = 10.0

    def __init__(self) -> None:
        self._jumps = 0
        self._clock: Clock | None = None

    def prepare(self, target: Field) -> None:
        self._clock = Clock(target.platform.layout.root / "clock")
        target.fleet.replace(zone=_ZONE, changes=self._clock.environment)
        target.wait_whole()

    def inject(self, target: Field) -> None:
        del target
        for jump_s in _JUMPS_S:
            self._set(jump_s)
            self._jumps += 1
            time.sleep(self.lasts_s / len(_JUMPS_S))

    def heal(self, target: Field) -> None:
        del target
        self._set(0)

    def clear(self, target: Field) -> None:
        target.fleet.replace(zone=_ZONE, changes={})
        target.wait_whole()

    def hits(self, target: Field) -> int:
        del target
        return self._jumps

    def is_possible(self, target: Field) -> str | None:
        del target
        return None if compiler() else "there is no C compiler (Debian: `apt-get install gcc`)"

    def _set(self, ahead_s: int) -> None:
        if self._clock is not None:
            self._clock.set(ahead_s)
