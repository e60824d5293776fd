"""Storage, queue and database that are away for a while: the worker waits, loses nothing and hurries nothing."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.service.worker.conftest import FAKE, Farm
from tests.service.worker.gate import Gate
from tests.waiting import wait_until


@contextmanager
def gate_before(port: int) -> Iterator[Gate]:
    gate = Gate(port)
    try:
        yield gate
    finally:
        gate.end()


def test_storage_that_is_away_for_longer_than_all_tries_costs_time_and_no_image(farm: Farm) -> None:
    farm.visibility(9)
    farm.environment["RAWMILL_MAX_RECEIVES"] = "1"
    with gate_before(farm.aws.address.port) as gate:
        farm.environment["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{gate.port}"
        job = farm.scripts(*["sleep 0.3"] * 3)
        worker = farm.worker(function=FAKE)
        wait_until(lambda: "completed" in job.statuses(), what="the first image")
        gate.close()
        met = "outage_met"
        wait_until(
            lambda: any(n > 1 for n in Counter(e["image"] for e in worker.events(met)).values()),
            what="more tries than are allowed",
        )
        assert {line["reason"] for line in worker.events(met)} <= {"unreadable", "store_failed"}
        gate.open()
        wait_until(lambda: job.ended, what="the job")
        assert worker.stop() == 0
    assert (job.row().status, job.statuses()) == ("completed", ["completed"] * 3)
    assert {image.attempts for image in job.images()} == {1}, "a try that met an outage is none"
    assert farm.dead_letters() == []


def test_a_full_disk_is_not_the_images_fault_and_the_worker_rests(farm: Farm, tmp_path: Path) -> None:
    farm.visibility(9)
    farm.environment |= {"RAWMILL_MAX_RECEIVES": "1", "RAWMILL_PROCESSES": "1"}
    room = tmp_path / "room"
    job = farm.scripts(f"no_room_without {room}", "ok")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: len(worker.events("outage_met")) >= 3, what="tries on a full disk")
    room.touch()
    wait_until(lambda: job.ended, what="the job")
    assert worker.stop() == 0
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)] * 2
    assert farm.dead_letters() == []


def test_a_database_that_is_away_keeps_what_is_in_hand_and_counts_no_try(farm: Farm) -> None:
    farm.visibility(12)
    port = int(farm.environment["RAWMILL_DATABASE_PORT"])
    with gate_before(port) as gate:
        farm.environment["RAWMILL_DATABASE_PORT"] = str(gate.port)
        job = farm.scripts(*["sleep 1.5"] * 4)
        worker = farm.worker(function=FAKE)
        wait_until(lambda: job.statuses().count("processing") == 2, what="two images in work")
        gate.close()
        wait_until(lambda: len(worker.events("call_failed")) >= 3, what="tries during the outage")
        used_s = sum(psutil.Process(worker.process.pid).cpu_times()[:2])
        assert worker.process.poll() is None
        tries = len(worker.events("call_failed"))
        gate.open()
        wait_until(lambda: job.ended, what="the job")
        assert worker.stop() == 0
    assert job.row().status == "completed"
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)] * 4
    # Waiting, not spinning.
    assert tries < 60
    assert used_s < 30


def test_a_queue_that_is_away_is_asked_again_after_growing_pauses(farm: Farm) -> None:
    with gate_before(farm.aws.address.port) as gate:
        farm.environment["AWS_ENDPOINT_URL_SQS"] = f"http://127.0.0.1:{gate.port}"
        gate.close()
        job = farm.scripts("ok")
        worker = farm.worker(function=FAKE)
        wait_until(lambda: len(worker.events("queue_away")) >= 2, what="two polls during the outage")
        gate.open()
        wait_until(lambda: job.ended, what="the job")
        assert worker.stop() == 0
    assert job.statuses() == ["completed"]


def test_a_result_that_cannot_be_written_down_at_once_is_written_down_later(farm: Farm) -> None:
    port = int(farm.environment["RAWMILL_DATABASE_PORT"])
    with gate_before(port) as gate:
        farm.environment["RAWMILL_DATABASE_PORT"] = str(gate.port)
        job = farm.scripts("sleep 2", "ok")
        worker = farm.worker(function=FAKE)
        wait_until(lambda: sorted(job.statuses()) == ["completed", "processing"], what="one image in work")
        gate.close()
        wait_until(lambda: len(farm.renditions(job)) == 4, what="the stored results")
        wait_until(lambda: len(worker.events("call_failed")) >= 1, what="a try during the outage")
        gate.open()
        wait_until(lambda: job.ended, what="the job")
        assert worker.stop() == 0
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)] * 2
