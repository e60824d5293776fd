"""Predicts how long a real worker takes to drain a queue, lets it do so, and tells the difference.

Drains of two kinds take turns: short ones, which give what the simulation is told, and longer ones, which are predicted
from the short ones just before and just after. What the load of a shared machine does slowly falls out of that; what it
does quickly is left to the median over rounds.
"""

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from audit.fleet.assumptions import read_assumptions
from audit.fleet.model import Fleet, Instances, Queue, Task
from audit.fleet.service_times import Times
from audit.fleet.simulation import Send, Settings, Work, simulate
from bench.fleet.drain import Developed, Drains
from bench.inputs import Compression, sample
from bench.machine import busy_cores, describe
from bench.scale import Size
from bench.service.running import running_platform

PROCESSES = 2
ROUNDS = 5
CALIBRATION, MAIN = 10, 24
"""Images of the two kinds of drain."""
ALLOWED = 0.15
_SEEDS = 21
_DRAWN = 4096
KINDS: tuple[tuple[Size, Compression, int], ...] = (
    ((3000, 2000), "none", 4),
    ((3000, 2000), "lossless-jpeg", 2),
    ((6000, 4000), "none", 2),
)
"""Size, compression, and how many of eight images are of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One prediction beside what happened, in seconds from the worker's start until its last image was settled.

    Attributes:
        load: wall seconds per processor second of the images, in the drain that was predicted against those around it:
            how much the machine's load changed between them. 1 is not at all.
    """

    predicted_s: float
    real_s: float
    load: float

    @property
    def error(self) -> float:
        """By how much of the real time the prediction is off, positive when it is too long."""
        return self.predicted_s / self.real_s - 1

    @property
    def error_at_equal_load(self) -> float:
        """The same with the calibration's times brought to the load of the drain that was predicted."""
        return self.predicted_s * self.load / self.real_s - 1


def validate(
    folder: Path, tell: Callable[[str], None], keep: Callable[[dict[str, Any]], None], *, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Figures of all rounds; `keep` gets those so far after each."""
    originals = [
        sample(folder / "inputs", size, compression, seed)
        for size, compression, count in KINDS
        for seed in range(1, count + 1)
    ]
    chance = random.Random(8)
    measured: list[Round] = []
    began = {"measured_on": datetime.now(UTC).date().isoformat(), **describe(), "busy_cores": busy_cores()}
    with running_platform(folder / "platform", tell=tell) as running:
        drains = Drains(running, folder)
        tell("warming up")
        drains.drain(originals[:4], name="warm-up", processes=PROCESSES)

        def drained(name: str, images: int) -> list[Developed]:
            tell(f"{name} of {rounds}: {images} images")
            return drains.drain(_shuffled(originals, images, chance), name=name, processes=PROCESSES)

        before = drained("calibration-0", CALIBRATION)
        for number in range(1, rounds + 1):
            real = drained(f"main-{number}", MAIN)
            after = drained(f"calibration-{number}", CALIBRATION)
            measured.append(_round(real, [before, after]))
            before = after
            keep(began | _figures(measured))
    return began | _figures(measured)


def _round(real: Sequence[Developed], around: Sequence[Sequence[Developed]]) -> Round:
    return Round(
        predicted_s=statistics.mean(predict(known, images=MAIN, processes=PROCESSES) for known in around),
        real_s=max(each.ended_s for each in real),
        load=_stretch(real) / statistics.mean(map(_stretch, around)),
    )


def _figures(measured: Sequence[Round]) -> dict[str, Any]:
    return {
        "processes": PROCESSES,
        "images": {"calibration": CALIBRATION, "main": MAIN},
        "rounds": [
            {**asdict(each), "error": each.error, "at_equal_load": each.error_at_equal_load} for each in measured
        ],
        "median_error": statistics.median(each.error for each in measured),
        "median_error_at_equal_load": statistics.median(each.error_at_equal_load for each in measured),
        "allowed": ALLOWED,
    }


def predict(known: Sequence[Developed], *, images: int, processes: int) -> float:
    """Seconds from the start of a worker until it has settled so many images, by the simulation of the fleet.

    The fleet is one standing worker that nothing scales. The first image of each process loads what the others find in
    memory: until those are done the worker counts as starting, as long as the known one did. Each later image is drawn
    from the known ones.
    """
    start_s, seconds = occupied_s(known, processes)
    work = Work(sends=[Send(at_s=0, images=images - processes)])
    times = Times.of(np.random.default_rng(1).choice(seconds, size=_DRAWN))
    outcomes = [
        simulate(
            one_worker(processes),
            work,
            Settings(assumptions=read_assumptions(), on_instances=times, on_fargate=times, seed=seed),
        )
        for seed in range(1, _SEEDS + 1)
    ]
    return start_s + statistics.median(outcome.whole_s for outcome in outcomes)


def occupied_s(known: Sequence[Developed], processes: int) -> tuple[float, list[float]]:
    """When processes have their first image behind them, and how long each later image occupied one of them.

    An image is in the worker's hands longer than it occupies a process: its row is written while the process has the
    next one already. How long all of them together occupied the processes is known from when the second ones began
    and the last ones ended; each gets its share of that.
    """
    begun_s = sorted(each.ended_s - each.took_s for each in known)
    second_s = begun_s[processes : 2 * processes]
    last_s = sorted(each.ended_s for each in known)[-processes:]
    later = sorted(known, key=lambda each: each.ended_s - each.took_s)[processes:]
    share = (sum(last_s) - sum(second_s)) / sum(each.took_s for each in later)
    return statistics.mean(second_s), [each.took_s * share for each in later]


def one_worker(processes: int) -> Fleet:
    """A fleet of one standing worker."""
    return Fleet(
        name="local",
        origin="one worker of the local platform",
        region="local",
        zones=("here",),
        queue=Queue(visibility_s=900, max_receives=3, retention_s=345_600),
        instances=Instances(
            task=Task(vcpus=processes, memory_gib=4, processes=processes, time_limit_s=600, stop_timeout_s=120),
            instance_type="this machine",
            architecture="X86_64",
            least=1,
            most=1,
            least_tasks=1,
            most_tasks=1,
            step_least=1,
            step_most=1,
            warm_up_s=0,
            on_demand_base=1,
            spot_share=0,
            drains_spot=False,
            disk_gib=0,
            tracking=(),
            stepping=(),
        ),
        burst=None,
    )


def _shuffled(originals: Sequence[Path], count: int, chance: random.Random) -> list[Path]:
    """The same share of every kind, in another order each time."""
    chosen = [originals[number % len(originals)] for number in range(count)]
    chance.shuffle(chosen)
    return chosen


def _stretch(done: Sequence[Developed]) -> float:
    """Wall seconds in hand for each processor second."""
    return sum(each.took_s for each in done) / sum(each.cpu_s for each in done)
