"""What a simulation writes down, and the outcome that is made of it."""

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Record:
    """Counts, curves and paid time, as they add up.

    Attributes:
        waits_s, waits_of: seconds from queued to begun, and of how many images each stands for.
        curve: (seconds, outstanding images, workers on instances, burst tasks, instances), one row a minute.
        paid: seconds by what is paid: `instance/on-demand`, `instance/spot`, `burst`.
        events: what happened how often.
    """

    waits_s: "array[float]" = field(default_factory=lambda: array("f"))
    waits_of: "array[int]" = field(default_factory=lambda: array("I"))
    curve: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    paid: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    events: Counter[str] = field(default_factory=Counter)
    busy_s: float = 0.0
    open_s: float = 0.0

    def wait(self, seconds: float, images: int) -> None:
        """So many images waited about so long."""
        self.waits_s.append(seconds)
        self.waits_of.append(images)

    def percentile_s(self, share: float) -> float:
        """The wait that this share of images stays within."""
        if not self.waits_s:
            return 0.0
        waits = np.frombuffer(self.waits_s, dtype=np.float32)
        weights = np.frombuffer(self.waits_of, dtype=np.uint32)
        order = np.argsort(waits, kind="stable")
        reached = np.cumsum(weights[order], dtype=np.int64)
        return float(waits[order][int(np.searchsorted(reached, share * reached[-1]))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        images: that were queued; they are completed, dead letters, deleted by the queue's retention, or left.
        completed: developed, each counted once.
        dead: in the dead-letter queue.
        innocent: those of them that nothing was wrong with: their workers died around them too often.
        expired: deleted because they waited longer than the queue keeps messages. They are lost to the queue.
        left: neither, when the simulation ran out of patience.
        deliveries: receives of messages, repeated ones included.
        repeated: images of which work was thrown away, because a worker went in the middle of them.
        drained_s: from the last image that was queued until the last was settled.
        whole_s: from the first that was queued until the last was settled.
        horizon_s: simulated and paid time.
        utilisation: of the processes that were running, the share that was developing.
        peak_instances, peak_burst: the most instances that were paid, and the most burst tasks, at a time.
    """

    images: int
    completed: int
    dead: int
    innocent: int
    expired: int
    left: int
    deliveries: int
    repeated: int
    drained_s: float
    whole_s: float
    horizon_s: float
    p50_wait_s: float
    p95_wait_s: float
    utilisation: float
    peak_instances: int
    peak_burst: int
    record: Record

    @property
    def lost(self) -> int:
        """Images that are nowhere: neither developed nor among the dead letters."""
        return self.images - self.completed - self.dead - self.left
