"""What the fleet simulation assumes of the worker, held against the worker's own code."""

import random
from pathlib import Path
from unittest.mock import Mock

import pytest

from audit.fleet.assumptions import read_assumptions
from audit.fleet.model import Queue
from audit.fleet.simulation.worker import EXTENSIONS, retry_wait_s
from service.aws.queue import Queue as ServiceQueue
from service.worker.keeper import Keeper
from service.worker.loop import Loop
from service.worker.policy import RetryPolicy
from service.worker.settings import WorkerSettings

ASSUMED = read_assumptions()


def settings(stop_timeout_s: float = 120) -> WorkerSettings:
    return WorkerSettings(
        processes=2,
        memory_bytes=2**30,
        visibility_timeout_s=900,
        max_receives=3,
        time_limit_s=600,
        stop_timeout_s=stop_timeout_s,
        scratch=Path("scratch"),
    )


@pytest.mark.parametrize("visibility_s", [60, 900, 7200])
@pytest.mark.parametrize("tries", [1, 2])
def test_a_failed_image_waits_within_the_same_bounds(visibility_s: int, tries: int) -> None:
    policy = RetryPolicy(max_attempts=3, visibility_timeout_s=visibility_s)
    queue = Queue(visibility_s=visibility_s, max_receives=3, retention_s=345_600)
    theirs = [policy.wait_s("decoder_crash", attempts=tries) or 0 for _ in range(400)]
    ours = [retry_wait_s(ASSUMED, queue, tries=tries, chance=random.Random(seed)) for seed in range(400)]
    assert min(ours) == pytest.approx(min(theirs), rel=0.05, abs=1)
    assert max(ours) == pytest.approx(max(theirs), rel=0.05, abs=1)


def test_a_worker_that_runs_until_empty_ends_as_late_as_assumed() -> None:
    known = settings()
    assert known.empty_s + known.poll_wait_s == ASSUMED.idle_exit_s.likely


def test_a_worker_that_is_told_to_stop_keeps_as_much_of_its_time_as_assumed() -> None:
    assert 2 * settings().stop_margin_s == ASSUMED.stop_margin_s.likely


def test_visibility_is_extended_as_often_as_assumed() -> None:
    loop = Mock(spec=Loop)
    keeper = Keeper(loop, Mock(spec=ServiceQueue), visibility_timeout_s=900, hands=list, drop=Mock())
    keeper.begin()
    assert loop.later.call_args.args[0] == 900 / EXTENSIONS
