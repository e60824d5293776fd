"""The operator's tool: what was given up is shown with its reason, and has another chance after a fix."""

import io
import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from service.jobs import dead_letters, transitions
from service.jobs.messages import ArchiveWanted, ImageWanted, body_of
from service.jobs.models import Image, Job
from service.jobs.records import ArchiveClaim, Claim, Outcome, Settled
from tests.service.jobs.conftest import Made, Queues

MakeJob = Callable[..., Made]


def test_the_list_has_a_line_a_message_with_reason_job_image_and_file(make_job: MakeJob, queues: Queues) -> None:
    job = _with_one_failed(make_job, queues)
    queues.dead_letters.send("garbage")
    listed = run("list")
    assert f"damaged\t{job.job_id}\t{job.image_ids[1]}\t1.dng\t12 strips are missing" in listed
    assert "unknown\t-\t-\t-\tnot JSON" in listed
    assert listed.endswith("2 messages\n")
    assert run("list", "--code", "damaged").endswith("1 message\n")
    assert run("list", "--code", "truncated") == "0 messages\n"


def test_a_message_that_sqs_gave_up_itself_shows_what_the_row_says(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(1)
    transitions.claim(job.job_id, job.image_ids[0], worker="task-9", lease_s=-60)
    transitions.release_lost(max_attempts=1, grace_s=0, limit=10)
    queues.dead_letters.send(body_of(ImageWanted(job.job_id, job.image_ids[0])))
    listed = run("list")
    assert "worker_lost" in listed
    assert "the last one was task-9" in listed


def test_a_file_name_cannot_forge_a_line_or_move_the_terminal(make_job: MakeJob, queues: Queues) -> None:
    job = _with_one_failed(make_job, queues)
    Image.objects.filter(image_id=job.image_ids[1]).update(name="a\u202egnp.dng\x1b[2J")
    listed = run("list")
    assert r"a\u202egnp.dng\x1b[2J" in listed
    assert "\x1b" not in listed


def test_show_tells_everything_about_a_message_by_its_own_id_or_its_images_or_jobs(
    make_job: MakeJob, queues: Queues
) -> None:
    job = _with_one_failed(make_job, queues)
    by_image = json.loads(run("show", str(job.image_ids[1])))
    assert by_image["image"]["name"] == "1.dng"
    assert by_image["image"]["evidence"] == ["strip 7: 0 bytes"]
    assert by_image["job"]["tenant"] == "acme"
    assert by_image["reason_code"] == "damaged"
    assert json.loads(run("show", str(job.job_id))) == by_image
    assert json.loads(run("show", by_image["message"]["id"])) == by_image
    with pytest.raises(CommandError, match="no such message"):
        run("show", str(uuid4()))


def test_a_redriven_image_waits_again_its_message_is_sent_and_the_old_one_is_gone(
    make_job: MakeJob, queues: Queues
) -> None:
    job = _with_one_failed(make_job, queues)
    assert run("redrive", str(job.image_ids[1])).startswith("1 sent again")
    image = Image.objects.get(image_id=job.image_ids[1])
    assert (image.status, image.error_code) == ("pending", None)
    assert image.enqueued_at is not None
    assert queues.bodies() == [ImageWanted(job.job_id, job.image_ids[1])]
    assert run("list") == "0 messages\n"

    claim = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    settled = transitions.settle_completed(claim, Outcome(outputs=()))
    assert isinstance(settled, Settled)
    assert settled.archive_due


def test_all_or_those_of_one_code_are_redriven_and_the_unreadable_stay(make_job: MakeJob, queues: Queues) -> None:
    first, second = _with_one_failed(make_job, queues), _with_one_failed(make_job, queues, code="timed_out")
    queues.dead_letters.send("garbage")
    assert run("redrive", "--all", "--code", "timed_out").startswith("1 sent again")
    assert queues.bodies() == [ImageWanted(second.job_id, second.image_ids[1])]
    assert run("redrive", "--all").strip() == (
        "1 sent again, 0 deleted for there is nothing to redo, 1 left: not readable"
    )
    assert queues.bodies() == [ImageWanted(first.job_id, first.image_ids[1])]
    assert run("list").endswith("1 message\n")


def test_a_job_is_redriven_from_its_rows_also_where_a_message_is_missing(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(3)
    for number, image in enumerate(job.image_ids):
        claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        transitions.settle_failed(claim, "store_failed", "503")
        if number == 0:
            queues.dead_letters.send(body_of(ImageWanted(job.job_id, image)))
    assert Job.objects.get(job_id=job.job_id).status == "failed"
    assert run("redrive", "--job", str(job.job_id)) == "3 sent again, 1 old message deleted\n"
    assert len(queues.bodies()) == 3
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.images_failed, row.settled_at) == ("processing", 0, None)


def test_a_message_about_something_done_is_deleted_and_changes_nothing(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(1)
    claim = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    transitions.settle_completed(claim, Outcome(outputs=()))
    queues.dead_letters.send(body_of(ImageWanted(job.job_id, job.image_ids[0])))
    queues.dead_letters.send(body_of(ImageWanted(uuid4(), uuid4())))
    assert run("redrive", "--all").startswith("0 sent again, 2 deleted")
    assert Image.objects.get(image_id=job.image_ids[0]).status == "completed"
    assert queues.bodies() == []


def test_a_failed_archive_is_redriven(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(1)
    claim = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    transitions.settle_completed(claim, Outcome(outputs=()))
    archive = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(archive, ArchiveClaim)
    transitions.fail_archive(archive, "no space")
    queues.dead_letters.send(body_of(ArchiveWanted(job.job_id)))
    assert "archive_failed" in run("list")
    assert run("redrive", str(job.job_id)).startswith("1 sent again")
    assert queues.bodies() == [ArchiveWanted(job.job_id)]
    row = Job.objects.get(job_id=job.job_id)
    assert row.status == "processing"
    assert row.archive_enqueued_at is not None


def test_looking_leaves_the_messages_to_be_looked_at_again(make_job: MakeJob, queues: Queues) -> None:
    for _ in range(12):
        queues.dead_letters.send(body_of(ImageWanted(uuid4(), uuid4())))
    for _ in range(2):
        with dead_letters.looked_at(queues.dead_letters) as letters:
            assert len(letters) == 12


def test_deleted_messages_are_gone_and_their_rows_stay_failed(make_job: MakeJob, queues: Queues) -> None:
    job = _with_one_failed(make_job, queues)
    assert run("delete", str(job.image_ids[1])) == "1 deleted\n"
    assert run("list") == "0 messages\n"
    assert Image.objects.get(image_id=job.image_ids[1]).status == "failed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["redrive"], "give ids, or --job JOB, or --all"),
        (["redrive", "x", "--all"], "give ids, or --job JOB, or --all"),
        (["redrive", "x"], "x: no such message"),
        (["redrive", "--job", "00000000-0000-0000-0000-000000000000"], "no such job"),
        (["delete", "x"], "x: no such message"),
    ],
)
def test_a_wrong_call_says_what_to_do(queues: Queues, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def run(*arguments: str) -> str:
    """Standard output of `dead_letters …`."""
    answer = io.StringIO()
    call_command("dead_letters", *arguments, stdout=answer)
    return answer.getvalue()


def _with_one_failed(make_job: MakeJob, queues: Queues, code: str = "damaged") -> Made:
    job = make_job(2)
    first = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    second = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    transitions.settle_completed(first, Outcome(outputs=()))
    transitions.settle_failed(second, code, "12 strips are missing", verdict="damaged", evidence=["strip 7: 0 bytes"])
    queues.dead_letters.send(
        body_of(ImageWanted(job.job_id, job.image_ids[1])),
        attributes={"reason_code": code, "reason": "12 strips are missing"},
    )
    return job
