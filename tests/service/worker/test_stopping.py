"""SIGTERM: what can be finished is finished, the rest is returned at once, and the worker exits in time with 0."""

from pathlib import Path

from tests.service.worker.conftest import FAKE, Farm
from tests.waiting import wait_until


def visible(farm: Farm) -> int:
    found = farm.aws.sqs.get_queue_attributes(
        QueueUrl=farm.resources.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_an_image_in_work_is_finished_and_nothing_new_is_taken(farm: Farm) -> None:
    job = farm.scripts("sleep 2", "sleep 2", "ok", "ok")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: job.statuses().count("processing") == 2, what="two images in work")
    assert worker.stop() == 0
    assert sorted(job.statuses()) == ["completed", "completed", "pending", "pending"]
    assert farm.waiting() == 2


def test_an_image_that_cannot_be_finished_in_time_is_returned_and_its_attempt_does_not_count(farm: Farm) -> None:
    farm.environment["RAWMILL_STOP_TIMEOUT_S"] = "5"
    job = farm.scripts("sleep 60", "sleep 60")
    worker = farm.worker(function=FAKE)
    # In the hands of children, and not only claimed by their rows.
    wait_until(lambda: len(list(worker.scratch.rglob("original"))) == 2, what="two images in work")
    assert worker.stop() == 0
    assert len(worker.events("handed_back")) == 2
    assert [(image.status, image.attempts) for image in job.images()] == [("pending", 0)] * 2
    # Not after the visibility timeout of half a minute: now.
    assert visible(farm) == 2


def test_an_image_that_will_take_longer_than_there_is_time_is_returned_without_waiting(farm: Farm) -> None:
    farm.environment |= {"RAWMILL_STOP_TIMEOUT_S": "7", "RAWMILL_PROCESSES": "1"}
    slow = farm.scripts("sleep 6")
    worker = farm.worker(function=FAKE)
    # The first image teaches the worker what images take.
    wait_until(lambda: slow.statuses() == ["completed"], what="the first image")
    job = farm.scripts("sleep 6")
    wait_until(lambda: job.statuses() == ["processing"], what="the second image")
    assert worker.stop() == 0
    # At once, and not when the time to stop was over.
    assert worker.events("handed_back") == []
    assert [(image.status, image.attempts) for image in job.images()] == [("pending", 0)]


def test_a_second_signal_returns_everything_at_once(farm: Farm) -> None:
    farm.environment["RAWMILL_STOP_TIMEOUT_S"] = "60"
    job = farm.scripts("sleep 20", "sleep 20")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: job.statuses().count("processing") == 2, what="two images in work")
    worker.process.terminate()
    wait_until(lambda: len(worker.events("stopping")) == 1, what="the first signal")
    assert worker.stop() == 0
    assert job.statuses() == ["pending", "pending"]
    assert visible(farm) == 2


def test_a_message_returned_at_its_last_receive_is_not_lost_to_the_dead_letters(farm: Farm, tmp_path: Path) -> None:
    farm.environment["RAWMILL_STOP_TIMEOUT_S"] = "5"
    job = farm.scripts(f"wait_for {tmp_path / 'go'}")
    for _ in range(4):  # one more than the queue delivers a message
        worker = farm.worker(function=FAKE)
        wait_until(lambda: job.statuses() == ["processing"], what="the image in work")
        assert worker.stop() == 0
        assert job.statuses() == ["pending"]
    (tmp_path / "go").touch()
    farm.drain(function=FAKE)
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)]
    assert farm.dead_letters() == []


def test_an_idle_worker_stops(farm: Farm) -> None:
    worker = farm.worker(function=FAKE)
    wait_until(lambda: bool(worker.events("worker_ready")), what="the worker")
    assert worker.stop() == 0
