"""What all processes of a web task must know at once: whether it is leaving, and whether a load balancer watches it."""

import mmap
import struct
import time

LINGER_S = 12.0
"""How long a leaving task still serves: the load balancer asks every few seconds and takes it out when it hears no."""
WATCHED_WITHIN_S = 90.0
"""A load balancer that asked within this time is still there: it asks every 30 s."""
_PLACE = struct.Struct("=?7xd")


class Drain:
    """Shared by a process and the children that it forks afterwards."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PLACE.size)

    def _read(self) -> tuple[bool, float]:
        leaving, seen_at = _PLACE.unpack_from(self._memory)
        return leaving, seen_at

    @property
    def leaving(self) -> bool:
        """Whether the task was told to stop."""
        return self._read()[0]

    def leave(self) -> None:
        """From now on `/health/` says no and event streams end."""
        _PLACE.pack_into(self._memory, 0, True, self._read()[1])

    def watched(self) -> None:
        """A load balancer asked for the health."""
        _PLACE.pack_into(self._memory, 0, self._read()[0], time.monotonic())

    @property
    def linger_s(self) -> float:
        """How long to serve on after being told to stop: not at all when no load balancer would notice."""
        seen_at = self._read()[1]
        return LINGER_S if seen_at and time.monotonic() - seen_at < WATCHED_WITHIN_S else 0.0


drain = Drain()
"""Of this task. Made when the module is imported, which the parent process does before it forks."""
