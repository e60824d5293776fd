"""What a worker has in hand: one record for each message, from its receipt until it is deleted or given back."""

import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from service.worker.orders import Order


class Phase(Enum):
    """Where a message is on its way through the worker."""

    CLAIMING = auto()
    """Its lease is asked for, and its files are laid out."""
    WAITING = auto()
    """For a slot and memory."""
    RUNNING = auto()
    """A child has it."""
    FINISHING = auto()
    """The child is done; row and message are brought up to date."""
    LEFT = auto()
    """It is not ours any more, or shall not be; a child may still be busy with it."""


@dataclass(slots=True, eq=False, kw_only=True)
class Hand:
    """One message in hand.

    Attributes:
        order: what it asks for.
        deadline_s: time.monotonic() until which its visibility and lease are extended.
        settled: its row is up to date: there is no lease any more.
        grant_bytes, needed_bytes: as in processor.batch.admission.
        began_s: time.monotonic() at which it was taken.
        started_s: time.monotonic() at which a child got it.
    """

    order: Order
    deadline_s: float
    phase: Phase = Phase.CLAIMING
    settled: bool = False
    grant_bytes: int = 0
    needed_bytes: int = 0
    began_s: float = field(default_factory=time.monotonic)
    started_s: float = 0.0

    @property
    def took_s(self) -> float:
        """Seconds in hand so far."""
        return time.monotonic() - self.began_s


class Pace:
    """How long recent images took: what an image that is under way will probably take."""

    def __init__(self, remembered: int = 50) -> None:
        self._seconds: deque[float] = deque(maxlen=remembered)

    def note(self, seconds: float) -> None:
        """An image took so long in its child."""
        self._seconds.append(seconds)

    def left_s(self, elapsed_s: float) -> float:
        """Seconds that an image which has run for `elapsed_s` will probably still take; 0 when nothing is known.

        As long as the slowest of the recent ones: to return a message too early costs another try of the whole image,
        to wait for it a little costs nothing.
        """
        return max(0.0, max(self._seconds, default=0.0) - elapsed_s)
