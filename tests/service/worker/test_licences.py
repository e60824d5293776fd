"""Licence seats in the database: shared by all workers, freed by death, held by somebody with a name."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from processor.errors import ImageError, ReasonCode
from processor.licences import Licences
from service.worker.licences import PostgresLicenceBackend
from tests.platform import Database
from tests.service.worker.conftest import FAKE, ROOT, Farm
from tests.waiting import wait_until

HOLD = """
import sys, time, psycopg
from service.worker.licences import PostgresLicenceBackend
backend = PostgresLicenceBackend(lambda: psycopg.connect(sys.argv[1], autocommit=True))
seat = backend.try_acquire("filter_license", 1, "/scratch/work/4711-abc/original")
print("held" if seat else "refused", flush=True)
time.sleep(60)
"""


@pytest.fixture
def backend(database: Database) -> Callable[[], PostgresLicenceBackend]:
    """Makes backends with a connection each, as every child has."""
    return lambda: PostgresLicenceBackend(lambda: psycopg.connect(database.url, autocommit=True))


def test_no_more_seats_are_given_than_there_are(backend: Callable[[], PostgresLicenceBackend]) -> None:
    children = [backend() for _ in range(5)]
    seats = [child.try_acquire("filter_license", 3, "/w/x/original") for child in children]
    assert [seat is not None for seat in seats] == [True, True, True, False, False]
    assert seats[1] is not None
    seats[1].release()
    assert children[3].try_acquire("filter_license", 3, "/w/x/original") is not None
    assert children[4].try_acquire("filter_license", 3, "/w/x/original") is None
    assert children[4].try_acquire("watermark_license", 1, "/w/x/original") is not None


def test_many_children_at_once_never_hold_more_than_the_seats(backend: Callable[[], PostgresLicenceBackend]) -> None:
    holding: list[int] = []
    most: list[int] = []

    def work(_: int) -> None:
        licences = Licences(backend(), {"filter_license": 2}, timeout_s=60)
        for _ in range(10):
            with licences.hold("filter_license", image="/w/x/original"):
                holding.append(1)
                most.append(len(holding))
                time.sleep(0.001)
                holding.pop()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert len(most) == 60
    assert max(most) <= 2


def test_a_seat_is_free_when_its_holder_was_killed_and_the_holder_has_a_name(
    database: Database, backend: Callable[[], PostgresLicenceBackend]
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, database.url], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waiting = backend()
    licences = Licences(waiting, {"filter_license": 1}, timeout_s=0.2)
    with (
        pytest.raises(ImageError, match=rf"process {holder.pid} on .* for '4711-abc'") as caught,
        licences.hold("filter_license"),
    ):
        pass
    assert caught.value.reason is ReasonCode.LICENCE_TIMEOUT
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    wait_until(lambda: waiting.try_acquire("filter_license", 1, "/w/x/original") is not None, what="the free seat")


def test_a_database_that_is_away_is_an_images_transient_failure_and_not_the_childs_end() -> None:
    def connect() -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect("postgresql://nobody@127.0.0.1:1/none", connect_timeout=1)

    with pytest.raises(ImageError, match="is away") as caught:
        PostgresLicenceBackend(connect).try_acquire("filter_license", 1, "x")
    assert caught.value.reason is ReasonCode.LICENCE_TIMEOUT


def test_two_workers_share_the_seats_of_one_database(farm: Farm) -> None:
    farm.environment["RAWMILL_LICENCES"] = '{"filter_license": 1}'
    job = farm.scripts(*["licensed_for 0.3 filter_license"] * 8)
    first, second = farm.worker(function=FAKE), farm.worker(function=FAKE)
    wait_until(lambda: job.ended, what="the job")
    assert [worker.stop() for worker in (first, second)] == [0, 0]
    assert job.statuses() == ["completed"] * 8
    held = sorted(tuple(map(float, sentence.split()[1:])) for image in job.images() for sentence in image.evidence)
    assert len(held) == 8
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(held))
    assert first.events("image_completed")
    assert second.events("image_completed")
