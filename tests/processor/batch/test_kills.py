"""kill -9 of workers and of the batch itself, at any moment: nothing hangs and nothing is lost."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from processor.batch import BatchObserver
from processor.batch.counter import Counts
from processor.batch.observer import InFlight
from processor.report.model import BatchReport
from processor.result import Status
from tests.processor.batch.processes import workers_of
from tests.waiting import wait_until

Shoot = Callable[..., Path]
Run = Callable[..., BatchReport]


class Progress(BatchObserver):
    """Remembers the last counts."""

    counts = Counts(total=0)

    def on_progress(self, counts: Counts, in_flight: tuple[InFlight, ...]) -> None:  # noqa: ARG002
        self.counts = counts


@contextlib.contextmanager
def killer(rng: random.Random, *, first_s: float, every_s: float | None) -> Iterator[list[int]]:
    """Kills a random worker of this process after `first_s`, then, if given, again and again."""
    stop = threading.Event()
    killed: list[int] = []

    def strike() -> None:
        pause_s: float | None = first_s
        while pause_s is not None and not stop.wait(pause_s):
            workers = workers_of(os.getpid())
            if workers:
                victim = rng.choice(workers)
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
                    killed.append(victim.pid)
            pause_s = every_s and rng.uniform(0, 2 * every_s)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("seed", range(12))
def test_a_worker_killed_at_a_random_moment_costs_at_most_its_own_image(seed: int, shoot: Shoot, run: Run) -> None:
    rng = random.Random(seed)
    progress = Progress()
    with killer(rng, first_s=rng.uniform(0, 0.35), every_s=None):
        report = run(shoot(*["sleep 0.02"] * 20), observer=progress)
    assert report.count(Status.OK) >= 19
    assert len(report.results) == 20
    assert progress.counts.ok == report.count(Status.OK)
    assert progress.counts.settled == 20


def test_a_storm_of_kills_is_survived_and_every_image_is_accounted_for(shoot: Shoot, run: Run) -> None:
    progress = Progress()
    with killer(random.Random(1), first_s=0.05, every_s=0.03) as killed:
        report = run(shoot(*["sleep 0.02"] * 100), jobs=4, observer=progress)
    assert len(killed) > 3
    assert report.count(Status.OK) + report.count(Status.FAILED) == 100
    assert progress.counts.settled == 100
    assert progress.counts.ok == report.count(Status.OK)
    assert progress.counts.failed == report.count(Status.FAILED)


def test_idle_workers_may_be_killed_without_harm(shoot: Shoot, run: Run) -> None:
    # One image sleeps while the other three places stand idle and lose their workers.
    with killer(random.Random(2), first_s=0.3, every_s=None):
        report = run(shoot("sleep 0.8", "ok", "ok", "ok"), jobs=4)
    assert report.count(Status.OK) == 4


SCRIPT = """
import sys
from pathlib import Path
from processor.batch import BatchOptions, run_batch
from processor.limits import Limits
from processor.recipe import Recipe, Rendition

if __name__ == "__main__":
    report = run_batch(
        [Path(sys.argv[1])],
        Recipe(renditions=(Rendition(name="thumb", long_edge_px=320),)),
        Path(sys.argv[2]),
        BatchOptions(jobs=2, memory_bytes=1 << 30, limits=Limits(timeout_s=60), function=sys.argv[3]),
    )
    print(*(result.status.value for result in report.results))
"""


def start_batch(folder: Path, out_dir: Path) -> "subprocess.Popen[str]":
    script = out_dir.parent / "batch.py"
    script.write_text(SCRIPT)
    root = str(Path(__file__).resolve().parents[3])
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), str(out_dir), "tests.processor.batch.fakes:develop"],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("last", ["sleep 30", "hang_in_c"])
def test_workers_end_with_a_batch_that_is_killed(last: str, shoot: Shoot, tmp_path: Path) -> None:
    out_dir = tmp_path / "out"
    batch = start_batch(shoot(*["ok"] * 5, last, last), out_dir)
    wait_until(lambda: len(list(out_dir.glob("*.done"))) == 5)
    time.sleep(0.2)
    family = psutil.Process(batch.pid).children(recursive=True)
    assert len(family) >= 3
    batch.kill()
    batch.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    # A process that nobody has waited for is dead all the same.
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_second_run_finishes_what_a_killed_one_began_and_redoes_nothing(
    shoot: Shoot, run: Run, tmp_path: Path
) -> None:
    out_dir = tmp_path / "out"
    folder = shoot(*["ok"] * 5, *["sleep 1"] * 5)
    batch = start_batch(folder, out_dir)
    wait_until(lambda: len(list(out_dir.glob("*.done"))) >= 5)
    leftover = out_dir / ".rawmill" / "tmp" / "half-written"
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    batch.kill()
    batch.wait()
    done = len(list(out_dir.glob("*.done")))
    report = run(folder)
    assert report.count(Status.SKIPPED) == done
    assert report.count(Status.OK) == 10 - done
    assert not leftover.exists()


def test_a_first_interrupt_finishes_what_is_running_and_a_second_run_does_the_rest(
    shoot: Shoot, run: Run, tmp_path: Path
) -> None:
    out_dir = tmp_path / "out"
    folder = shoot(*["sleep 0.4"] * 6)
    batch = start_batch(folder, out_dir)
    wait_until(lambda: len(list(out_dir.glob("*.done"))) >= 2)
    batch.send_signal(signal.SIGINT)
    output, errors = batch.communicate(timeout=20)
    states = output.split()
    assert errors == ""
    assert states.count("failed") == 0
    assert states.count("cancelled") >= 1
    assert states.count("ok") == len(list(out_dir.glob("*.done")))
    assert run(folder).count(Status.OK) == states.count("cancelled")


def test_a_second_interrupt_kills_what_is_running_and_still_accounts_for_it(shoot: Shoot, tmp_path: Path) -> None:
    out_dir = tmp_path / "out"
    batch = start_batch(shoot("ok", "ok", "hang_in_c", "hang", "ok"), out_dir)
    wait_until(lambda: len(list(out_dir.glob("*.done"))) >= 2)
    batch.send_signal(signal.SIGINT)
    time.sleep(0.5)
    batch.send_signal(signal.SIGTERM)
    output, errors = batch.communicate(timeout=20)
    assert errors == ""
    assert output.split() == ["ok", "ok", "cancelled", "cancelled", "cancelled"]


def test_an_interrupt_while_code_is_still_loading_ends_the_batch_at_once(shoot: Shoot, tmp_path: Path) -> None:
    slow = tmp_path / "site" / "processor_slow.py"
    slow.parent.mkdir()
    slow.write_text("import time\ntime.sleep(60)\n")
    out_dir = tmp_path / "out"
    script = tmp_path / "loading.py"
    script.write_text("from processor.batch import environment\nenvironment.PRELOAD = 'processor_slow'\n" + SCRIPT)
    root = str(Path(__file__).resolve().parents[3])
    batch = subprocess.Popen(
        [sys.executable, str(script), str(shoot("ok", "ok")), str(out_dir), "tests.processor.batch.fakes:develop"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((root, str(slow.parent)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((out_dir / ".rawmill" / "recipes").exists)
    time.sleep(0.5)
    batch.send_signal(signal.SIGINT)
    output, errors = batch.communicate(timeout=20)
    assert (output.split(), errors) == (["cancelled", "cancelled"], "")
