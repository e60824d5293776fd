"""How a batch is run, apart from what it makes."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from processor.errors import UsageError
from processor.licences import LicenceOptions
from processor.limits import Limits

DEVELOP = "processor.pipeline:develop"


def default_jobs() -> int:
    """One worker per processor core that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """Options of run_batch.

    Attributes:
        jobs: worker processes.
        limit: develop only the first so many inputs; None for all.
        fail_fast: take no new image after the first failure.
        strict: a suspect image counts as a failure in the exit code.
        limits: what one image may cost, its time limit among it.
        memory_bytes: memory for all workers together; None for 80 % of what is available at the start.
        licences: licence seats, or None.
        tasks_per_worker: a worker is replaced after so many images, so that no leak can grow without bound.
        kill_retries: further attempts for an image whose process was killed from outside.
        io_retries: further attempts after an input/output error that can pass (EIO, ESTALE).
        plugins: modules and files that register custom filters, loaded by every worker.
        function: import path of the work on one image; tests put faults here.
        isolated: close the workers in as far as the system can: no network, no programs, no files but the originals'
            and the output's.
        readable, writable: files and folders that custom filters may read, and write, besides.
    """

    jobs: int = field(default_factory=default_jobs)
    limit: int | None = None
    fail_fast: bool = False
    strict: bool = False
    limits: Limits = field(default_factory=Limits)
    memory_bytes: int | None = None
    licences: LicenceOptions | None = None
    tasks_per_worker: int = 200
    kill_retries: int = 1
    io_retries: int = 2
    plugins: tuple[str, ...] = ()
    function: str = DEVELOP
    isolated: bool = True
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        for name in ("jobs", "tasks_per_worker", "limit", "memory_bytes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be 1 or more")
        if self.jobs > 512:
            raise UsageError(f"jobs is {self.jobs}; at most 512 worker processes are started")
        if not self.limits.timeout_s > 0:  # NaN is not, either
            raise UsageError(f"the time limit is {self.limits.timeout_s} s; it must be above 0")
