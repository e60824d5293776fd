"""Scratch without room: every worker's scratch is a small file system of its own, which is filled to the last byte."""

import contextlib
import time
from pathlib import Path

from chaos.disks import is_mounted
from chaos.faults import Fault, fault
from chaos.field import Field
from local.tasks import Part

_ZONE = "a"
_BLOCK = bytes(64 * 1024)
_BALLAST = "ballast"


@fault
class DiskFull(Fault):
    name = "disk full"
    what = "the scratch of half of the workers has no byte left for 8 s"
    lasts_s = 8.0

    def __init__(self) -> None:
        self._filled = 0

    def inject(self, target: Field) -> None:
        until_s = time.monotonic() + self.lasts_s
        while time.monotonic() < until_s:
            # Again and again: images that end make room.
            for folder in _scratches(target):
                self._filled += _fill(folder / _BALLAST)
            time.sleep(0.05)

    def heal(self, target: Field) -> None:
        for folder in _scratches(target):
            (folder / _BALLAST).unlink(missing_ok=True)

    def hits(self, target: Field) -> int:
        return sum("store_failed" in worker.last_lines(400) for worker in target.fleet.running(Part.WORKER))

    def is_possible(self, target: Field) -> str | None:
        mounted = all(map(is_mounted, _scratches(target)))
        return None if mounted else "only root can mount the small file systems that it needs"


def _fill(ballast: Path) -> int:
    """Writes until there is no room; returns how many bytes that took."""
    written = 0
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        for block in (_BLOCK, bytes(1)):
            while count := file.write(block):
                written += count
    return written


def _scratches(target: Field) -> list[Path]:
    workers = target.fleet.tasks(Part.WORKER, zone=_ZONE)
    return [Path(worker.program.environment["RAWMILL_SCRATCH"]) for worker in workers]
