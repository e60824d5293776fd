"""Runs designs in processes of their own, in turn, and reports processor seconds and peak memory of each."""

import contextlib
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from processor.batch.environment import limit_library_threads, worker_environment

Work = Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a design: processor seconds (user and system, all threads), wall seconds, what it returned."""

    cpu_s: float
    wall_s: float
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Smallest, middle and largest of some values."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(low=min(values), median=statistics.median(values), high=max(values))


@dataclass(slots=True)
class Series:
    """All counted runs of one design, and the most memory that its process ever had resident."""

    runs: list[Run] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def cpu_s(self) -> Spread:
        """Processor seconds per run."""
        return Spread.of([run.cpu_s for run in self.runs])

    def ratio_to(self, other: "Series") -> Spread:
        """How many times the processor time of this design the other one took, round by round."""
        return Spread.of([theirs.cpu_s / mine.cpu_s for mine, theirs in zip(self.runs, other.runs, strict=True)])

    def stages(self) -> dict[str, float]:
        """Median processor seconds by stage, for works that return them."""
        names = self.runs[0].value.keys()
        return {name: statistics.median(run.value[name] for run in self.runs) for name in names}


class Worker:
    """A fresh process that makes one work and runs it when told, with one thread per numeric library."""

    def __init__(self, make: Callable[..., Work], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._channel, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        with worker_environment():
            self._process.start()
        theirs.close()

    def begin(self) -> None:
        """Start a run; `end` waits for it."""
        self._channel.send("run")

    def end(self) -> Run:
        """The run that was begun.

        Raises:
            RuntimeError: the work raised or its process died.
        """
        answer = self._answer()
        if isinstance(answer, Run):
            return answer
        raise RuntimeError(f"measured work failed: {answer}")

    def run(self) -> Run:
        """One run."""
        self.begin()
        return self.end()

    def peak_bytes(self) -> int:
        """Most resident memory of the process so far."""
        self._channel.send("peak")
        return int(self._answer())

    def _answer(self) -> Any:
        try:
            return self._channel.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"measured process ended with exit code {self._process.exitcode}") from None

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _serve(channel: Connection, make: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
    work = make(*arguments)
    limit_library_threads()
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            if channel.recv() == "peak":
                channel.send(own_peak_bytes())
                continue
            try:
                answer: Any = timed(work)
            except Exception as error:  # noqa: BLE001 - told to the measuring process, which raises it
                answer = f"{type(error).__name__}: {error}"
            channel.send(answer)


def timed(work: Work) -> Run:
    """Runs a work once in this process."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    value = work()
    return Run(cpu_s=time.process_time() - cpu_s, wall_s=time.perf_counter() - wall_s, value=value)


def interleaved(
    workers: Mapping[str, Worker], *, rounds: int, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Series]:
    """Runs every design once per round, in turn, so that a change of the machine's speed meets all alike.

    The first round warms up (code, caches, the files) and is not counted.
    """
    series = {name: Series() for name in workers}
    for number in range(rounds + 1):
        for name, worker in workers.items():
            tell(f"{name}, round {number} of {rounds}" if number else f"{name}, warming up")
            run = worker.run()
            if number:
                series[name].runs.append(run)
    for name, worker in workers.items():
        series[name].peak_bytes = worker.peak_bytes()
    return series


@contextlib.contextmanager
def all_closed(workers: Mapping[str, Worker]) -> Iterator[None]:
    """Ends the processes of all workers when the block is left."""
    try:
        yield
    finally:
        for worker in workers.values():
            worker.close()


def own_peak_bytes() -> int:
    """Most resident memory that this process has had, in the program that it runs now.

    `ru_maxrss` also counts what the process was before it began this program: a copy of its parent.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
