"""Clocks that jump: the wall clock of half of the tasks, forward and back, while they run.

libfaketime stands between these tasks and their clock. Their monotonic clock goes on, as it does on a machine whose
time is set: only what asks for the time of day is fooled.
"""

import time
from pathlib import Path

from chaos.faults import Fault, fault
from chaos.field import Field

_LIBRARY = "faketime/libfaketimeMT.so.1"
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

    def prepare(self, target: Field) -> None:
        clock = self._clock(target)
        clock.write_text("+0", encoding="utf-8")
        faked = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        target.fleet.replace(zone=_ZONE, changes=faked)
        target.wait_whole()

    def inject(self, target: Field) -> None:
        for jump_s in _JUMPS_S:
            self._clock(target).write_text(f"{jump_s:+d}", encoding="utf-8")
            self._jumps += 1
            time.sleep(self.lasts_s / len(_JUMPS_S))

    def heal(self, target: Field) -> None:
        self._clock(target).write_text("+0", encoding="utf-8")

    def clear(self, target: Field) -> None:
        target.fleet.replace(zone=_ZONE, changes={})
        target.wait_whole()

    def hits(self, target: Field) -> int:
        del target
        return self._jumps

    def is_possible(self, target: Field) -> str | None:
        del target
        return None if _library() else "libfaketime is not installed (Debian: `apt-get install faketime`)"

    def _clock(self, target: Field) -> Path:
        return target.platform.layout.root / "clock"


def _library() -> Path | None:
    return next((path for path in sorted(Path("/usr/lib").glob(f"*/{_LIBRARY}"))), None)
