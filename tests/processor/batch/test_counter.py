"""The counter is exact under contention, and unharmed by processes that are killed while they count."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from processor.batch.counter import Counter
from processor.result import Status
from tests.processor.batch.processes import start
from tests.waiting import wait_until

IMAGES = 4000
PROCESSES = 8


def settle_all(path: Path, number: int) -> None:
    """Settles every image when all processes are ready, and notes which status stood each time."""
    mine = Status.OK if number % 2 else Status.FAILED
    with Counter(path) as counter:
        (path.parent / f"ready-{number}").touch()
        wait_until((path.parent / "go").exists)
        stood = [counter.settle(index, mine) for index in range(IMAGES)]
    (path.parent / f"stood-{number}").write_text(" ".join(stood))


@contextlib.contextmanager
def settlers(folder: Path) -> Iterator[tuple[Counter, list[BaseProcess]]]:
    """Eight processes at the start of the same race, and their counter."""
    with Counter.create(folder / "counter", IMAGES) as counter:
        children = [start(settle_all, folder / "counter", number) for number in range(PROCESSES)]
        wait_until(lambda: len(list(folder.glob("ready-*"))) == PROCESSES)
        (folder / "go").touch()
        yield counter, children
        for child in children:
            child.join()


def die_holding_the_lock(path: Path) -> None:
    with Counter(path) as counter, counter._locked():
        os.kill(os.getpid(), signal.SIGKILL)


def test_an_image_counts_once_whoever_settles_it_and_the_first_word_stands(tmp_path: Path) -> None:
    with Counter.create(tmp_path / "counter", 3) as counter:
        assert counter.settle(1, Status.OK) is Status.OK
        assert counter.settle(1, Status.FAILED) is Status.OK
        assert (counter.counts().ok, counter.counts().failed, counter.counts().settled) == (1, 0, 1)


def test_the_parent_can_amend_what_a_dead_worker_settled(tmp_path: Path) -> None:
    with Counter.create(tmp_path / "counter", 1) as counter:
        counter.settle(0, Status.OK)
        counter.amend(0, Status.FAILED)
        assert (counter.counts().ok, counter.counts().failed) == (0, 1)


def test_eight_processes_settling_the_same_images_count_each_once_and_agree_how(tmp_path: Path) -> None:
    with settlers(tmp_path) as (counter, children):
        for child in children:
            child.join()
        counts = counter.counts()
    assert (counts.settled, counts.ok + counts.failed) == (IMAGES, IMAGES)
    stood = {(tmp_path / f"stood-{number}").read_text() for number in range(PROCESSES)}
    assert len(stood) == 1
    assert stood.pop().split().count("ok") == counts.ok


def test_killed_processes_leave_a_counter_that_the_others_finish_exactly(tmp_path: Path) -> None:
    rng = random.Random(5)
    with settlers(tmp_path) as (counter, children):
        for child in children[1:]:
            time.sleep(rng.uniform(0, 0.02))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid or 0, signal.SIGKILL)
        children[0].join()
        assert children[0].exitcode == 0
        assert counter.counts().settled == IMAGES


def test_a_process_that_dies_in_the_critical_section_does_not_keep_the_lock(tmp_path: Path) -> None:
    with Counter.create(tmp_path / "counter", 2) as counter:
        child = start(die_holding_the_lock, tmp_path / "counter")
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert counter.settle(0, Status.OK) is Status.OK


def settle_one(path: Path) -> None:
    with Counter(path) as counter:
        (path.parent / "waiting").touch()
        counter.settle(0, Status.OK)


def test_settling_waits_for_whoever_holds_the_lock(tmp_path: Path) -> None:
    with Counter.create(tmp_path / "counter", 1) as counter:
        with counter._locked():
            child = start(settle_one, tmp_path / "counter")
            wait_until((tmp_path / "waiting").exists)
            time.sleep(0.2)
            assert counter.status(0) is None
        child.join()
        assert counter.status(0) is Status.OK


def test_an_image_that_is_not_of_the_batch_is_refused(tmp_path: Path) -> None:
    with Counter.create(tmp_path / "counter", 2) as counter, pytest.raises(IndexError, match="image 2 is not one of"):
        counter.settle(2, Status.OK)
