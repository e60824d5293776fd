"""How one worker runs: the configuration of its task, and what only tests and measurements choose differently."""

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from processor.batch.options import DEVELOP
from service.config import WorkerConfig


def _name() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Settings of one worker.

    Attributes:
        processes: slots, and so the most images in children at once.
        memory_bytes: for all children together.
        visibility_timeout_s: the queue's; a lease lasts as long. Both are extended at a third of it.
        max_receives: tries of one image.
        time_limit_s: longest time of one image in its child.
        stop_timeout_s: from SIGTERM until the container is killed.
        scratch: folder for files in flight.
        until_empty: exit when the queue has been empty for `empty_s` and nothing is in hand.
        poll_wait_s: length of a long poll. A stop waits for the one that is under way, for what it receives must be
            returned; so it is shorter than SQS allows.
        name: who holds the leases, for people who read the rows.
        function: import path of the work on one image.
        also_writable: folders that it may write besides its image's; for work that is not the pipeline's.
        tasks_per_child: a child is replaced after so many, so that no leak grows without bound.
    """

    processes: int
    memory_bytes: int
    visibility_timeout_s: int
    max_receives: int
    time_limit_s: float
    stop_timeout_s: float
    scratch: Path
    until_empty: bool = False
    empty_s: float = 10.0
    poll_wait_s: int = 5
    name: str = field(default_factory=_name)
    function: str = DEVELOP
    also_writable: tuple[str, ...] = ()
    tasks_per_child: int = 200

    @property
    def stop_margin_s(self) -> float:
        """Kept free at the end of the time to stop: for rows and messages, and again for the exit."""
        return min(5.0, self.stop_timeout_s / 5)

    @classmethod
    def of(cls, config: WorkerConfig, *, until_empty: bool) -> "WorkerSettings":
        """The settings that a task's configuration gives."""
        return cls(
            processes=config.processes,
            memory_bytes=config.memory_bytes,
            visibility_timeout_s=config.visibility_timeout_s,
            max_receives=config.max_receives,
            time_limit_s=config.job_time_limit_s,
            stop_timeout_s=config.stop_timeout_s,
            scratch=Path(config.scratch),
            until_empty=until_empty,
        )
