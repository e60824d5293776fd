"""What all processes of a web task must know at once: whether it is leaving, and whether a load balancer watches it."""

import mmap
import struct
import time

LINGER_S = 12.0
"""How long a leaving task still serves: the load balancer asks every few seconds and takes it out when it hears no."""
WATCHED_WITHIN_S = 90.0
"""A load balancer that asked within this time is still there: it asks every 30 s."""
_SEEN_AT = struct.Struct("=d")
_LEAVING_BYTE, _SEEN_AT_BYTE, _BYTES = 0, 8, 16
"""Each in a place of its own: a process that writes one never writes back what the other was."""


class Drain:
    """Shared by a process and the children that it forks afterwards."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)

    @property
    def leaving(self) -> bool:
        """Whether the task was told to stop."""
        return bool(self._memory[_LEAVING_BYTE])

    def leave(self) -> None:
        """From now on `/health/` says no and event streams end."""
        self._memory[_LEAVING_BYTE] = True

    def watched(self) -> None:
        """A load balancer asked for the health."""
        _SEEN_AT.pack_into(self._memory, _SEEN_AT_BYTE, time.monotonic())

    @property
    def linger_s(self) -> float:
        """How long to serve on after being told to stop: not at all when no load balancer would notice."""
        (seen_at,) = _SEEN_AT.unpack_from(self._memory, _SEEN_AT_BYTE)
        return LINGER_S if seen_at and time.monotonic() - seen_at < WATCHED_WITHIN_S else 0.0


drain = Drain()
"""Of this task. Made when the module is imported, which the parent process does before it forks."""
