"""Messages that are doubled, foreign, late or broken: each has its answer, and none stops the worker."""

import json
import signal
from pathlib import Path
from uuid import uuid4

from service.jobs.messages import ImageWanted, body_of
from tests.service.worker.conftest import FAKE, Farm
from tests.waiting import wait_until


def test_a_duplicate_delivery_changes_nothing_and_its_message_is_deleted(farm: Farm) -> None:
    job = farm.scripts("ok", "ok")
    farm.drain(function=FAKE)
    before = [(image.settled_at, image.attempts, image.outputs) for image in job.images()]
    for image_id in job.image_ids:
        farm.send(body_of(ImageWanted(job.job_id, image_id)))
    worker = farm.drain(function=FAKE)
    assert [(image.settled_at, image.attempts, image.outputs) for image in job.images()] == before
    assert (job.row().images_completed, farm.waiting()) == (2, 0)
    assert [line["reason"] for line in worker.events("message_refused")] == ["settled", "settled"]


def test_a_message_delivered_twice_at_once_is_worked_on_once(farm: Farm, tmp_path: Path) -> None:
    farm.visibility(6)
    job = farm.scripts(f"wait_for {tmp_path / 'go'}")
    farm.send(body_of(ImageWanted(job.job_id, job.image_ids[0])))
    worker = farm.worker(function=FAKE)
    wait_until(lambda: bool(worker.events("message_refused")), what="the second delivery")
    assert worker.events("message_refused")[0]["reason"] == "busy"
    (tmp_path / "go").touch()
    wait_until(lambda: job.ended and farm.waiting() == 0, what="an empty queue")
    assert worker.stop() == 0
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)]


def test_messages_of_a_cancelled_job_are_deleted_without_work(farm: Farm) -> None:
    from service.jobs import transitions

    job = farm.scripts("ok", "ok", "ok")
    transitions.cancel(job.job_id)
    farm.drain(function=FAKE)
    assert {(image.status, image.error_code, image.attempts) for image in job.images()} == {("failed", "cancelled", 0)}
    assert (farm.waiting(), farm.dead_letters(), farm.renditions(job)) == (0, [], [])


def test_messages_that_ask_for_nothing_of_ours_are_buried_with_their_reason(farm: Farm) -> None:
    stranger = str(uuid4())
    foreign = {
        "this is not JSON": "unreadable_message",
        "[" * 5000: "unreadable_message",
        '{"job_id": 7}': "unreadable_message",
        json.dumps({"job_id": stranger, "image_id": "../etc"}): "unreadable_message",
        json.dumps({"job_id": stranger, "image_id": stranger}): "unknown_job",
        json.dumps({"job_id": stranger, "archive": True}): "unknown_job",
    }
    for body in foreign:
        farm.send(body)
    job = farm.scripts("ok")
    farm.drain(function=FAKE)
    buried = farm.dead_letters()
    assert {body: attributes["reason_code"] for body, attributes in buried} == foreign
    assert all(attributes["reason"] for _, attributes in buried)
    assert farm.waiting() == 0
    assert job.statuses() == ["completed"]


def test_the_visibility_and_the_lease_of_long_work_are_extended_together(farm: Farm) -> None:
    farm.visibility(3)
    job = farm.scripts("sleep 8")
    first, second = farm.worker(function=FAKE), farm.worker(function=FAKE)
    wait_until(lambda: job.ended, what="the job")
    assert [worker.stop(signal.SIGTERM) for worker in (first, second)] == [0, 0]
    assert [(image.status, image.attempts) for image in job.images()] == [("completed", 1)]
    assert len(first.events("image_completed")) + len(second.events("image_completed")) == 1


def test_a_result_whose_lease_was_lost_is_discarded_and_the_other_worker_is_not_disturbed(
    farm: Farm, tmp_path: Path
) -> None:
    from django.db import connection

    job = farm.scripts(f"wait_for {tmp_path / 'go'}")
    worker = farm.worker(function=FAKE)
    wait_until(lambda: bool(list(worker.scratch.glob("work/*/*/original"))), what="the image in work")
    # As when this worker was cut off for long enough: another one has the lease now.
    with connection.cursor() as cursor:
        cursor.execute("UPDATE images SET lease_token = gen_random_uuid(), worker = 'another'")
    (tmp_path / "go").touch()
    wait_until(lambda: bool(worker.events("dropped")), what="the discarded result")
    assert worker.stop() == 0
    (image,) = job.images()
    assert (image.status, image.worker, image.outputs) == ("processing", "another", [])
    assert farm.waiting() == 1
