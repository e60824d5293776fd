"""The outbox and the sweeper against a real queue: what was forgotten is sent once, the rest left alone."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from service.aws.clients import Clients
from service.aws.errors import AwsError
from service.aws.queue import Queue
from service.aws.storage import Bucket
from service.config import WebConfig
from service.jobs import dead_letters, outbox, transitions
from service.jobs.messages import ArchiveWanted, ImageWanted, Wanted, body_of, parse
from service.jobs.models import IdempotencyKey, Image, Job
from service.jobs.records import Claim, Idempotency, NewFile, Outcome
from service.jobs.sweeper import Sweeper
from tests.service.jobs.conftest import RECIPE, RETENTION, SIZE_BYTES, Made, Queues, Workers

MakeJob = Callable[..., Made]
NO_GRACE = timedelta(0)


def test_images_whose_message_was_never_sent_are_sent_once(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(25, uploaded=False)
    uploaded, sent = job.image_ids[:15], job.image_ids[:3]
    transitions.mark_uploaded(job.job_id, [(image, SIZE_BYTES) for image in uploaded])
    transitions.mark_enqueued(sent)

    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 12
    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 0
    assert sorted(queues.bodies(), key=str) == sorted(
        (ImageWanted(job.job_id, image) for image in uploaded[3:]), key=str
    )


def test_whoever_confirmed_an_upload_has_time_to_send_the_message(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(1, uploaded=False)
    transitions.mark_uploaded(job.job_id, [(job.image_ids[0], SIZE_BYTES)])
    assert outbox.send_unsent_images(queues.jobs, grace=timedelta(seconds=30), retention=RETENTION) == 0
    assert outbox.send_images(queues.jobs, job.job_id, job.image_ids) == 1
    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 0
    assert queues.bodies() == [ImageWanted(job.job_id, job.image_ids[0])]


def test_a_message_that_the_queue_has_dropped_by_age_is_sent_again(make_job: MakeJob, queues: Queues) -> None:
    job = make_job(2)
    old = timezone.now() - RETENTION - timedelta(minutes=1)
    Image.objects.filter(image_id=job.image_ids[0]).update(enqueued_at=old)
    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 1
    assert queues.bodies() == [ImageWanted(job.job_id, job.image_ids[0])]


def test_the_sweeper_takes_a_message_for_lost_when_this_queue_has_dropped_it(
    make_job: MakeJob, queues: Queues, sweeper: Sweeper
) -> None:
    """Settings may keep messages for one day or for fourteen: what four days meant was true of the default alone."""
    young, old = make_job(1), make_job(1)
    for job, age in ((young, RETENTION - timedelta(minutes=5)), (old, RETENTION + timedelta(minutes=5))):
        Image.objects.filter(image_id=job.image_ids[0]).update(enqueued_at=timezone.now() - age)
    assert sweeper.sweep().mended["images_sent"] == 1
    assert queues.bodies() == [ImageWanted(old.job_id, old.image_ids[0])]


def test_eight_sweepers_at_once_send_each_message_once(make_job: MakeJob, queues: Queues, workers: Workers) -> None:
    jobs = [make_job(40, uploaded=False) for _ in range(3)]
    for job in jobs:
        transitions.mark_uploaded(job.job_id, [(image, SIZE_BYTES) for image in job.image_ids])
    settled = [_settled(make_job(1)) for _ in range(5)]

    images = workers.at_once([partial(_until_nothing, outbox.send_unsent_images, queues.jobs)] * 8)
    archives = workers.at_once([partial(_until_nothing, outbox.send_unsent_archives, queues.jobs)] * 8)

    assert (sum(images), sum(archives)) == (120, 5)
    bodies = queues.bodies()
    expected: list[Wanted] = [ImageWanted(job.job_id, image) for job in jobs for image in job.image_ids]
    expected += [ArchiveWanted(job.job_id) for job in settled]
    assert sorted(bodies, key=str) == sorted(expected, key=str)


def test_when_the_queue_cannot_be_reached_nothing_is_written_down_and_the_next_sweep_sends(
    make_job: MakeJob, queues: Queues, service: WebConfig
) -> None:
    job = make_job(1, uploaded=False)
    transitions.mark_uploaded(job.job_id, [(job.image_ids[0], SIZE_BYTES)])
    nowhere = Queue(Clients(region=service.region).sqs, f"{queues.jobs.url}-that-is-not-there")
    with pytest.raises(AwsError):
        outbox.send_unsent_images(nowhere, grace=NO_GRACE, retention=RETENTION)
    assert Image.objects.get(image_id=job.image_ids[0]).enqueued_at is None
    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 1


def test_the_archive_of_a_settled_job_is_sent_unless_its_worker_did(make_job: MakeJob, queues: Queues) -> None:
    forgotten, sent, cancelled = _settled(make_job(1)), _settled(make_job(1)), _settled(make_job(1))
    outbox.send_archive(queues.jobs, sent.job_id)
    transitions.cancel(cancelled.job_id)
    assert outbox.send_unsent_archives(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 1
    assert sorted(queues.bodies(), key=str) == sorted(
        [ArchiveWanted(forgotten.job_id), ArchiveWanted(sent.job_id)], key=str
    )


def test_a_sweep_mends_everything_that_is_half_done(
    make_job: MakeJob, queues: Queues, sweeper: Sweeper, service: WebConfig
) -> None:
    unsent = make_job(1, uploaded=False)
    transitions.mark_uploaded(unsent.job_id, [(unsent.image_ids[0], SIZE_BYTES)])
    lost, spent, expired, archive = make_job(1), make_job(1), make_job(1), _settled(make_job(1))
    transitions.claim(lost.job_id, lost.image_ids[0], worker="w", lease_s=-3600)
    transitions.claim(spent.job_id, spent.image_ids[0], worker="w", lease_s=-3600)
    Image.objects.filter(image_id=spent.image_ids[0]).update(attempts=service.max_receives)
    Job.objects.filter(job_id=expired.job_id).update(expires_at=timezone.now())
    _long_ago()

    done = sweeper.sweep()

    assert done.failed == ()
    assert {name: count for name, count in done.mended.items() if count} == {
        "lost_images_failed_or_released": 2,
        "expired_jobs": 1,
        "images_sent": 2,
        "archives_sent": 1,
    }
    assert sorted(queues.bodies(), key=str) == sorted(
        [
            ImageWanted(unsent.job_id, unsent.image_ids[0]),
            ImageWanted(lost.job_id, lost.image_ids[0]),
            ArchiveWanted(archive.job_id),
        ],
        key=str,
    )
    assert Image.objects.get(image_id=spent.image_ids[0]).error_code == "worker_lost"
    assert Job.objects.get(job_id=expired.job_id).status == "failed"
    assert not any(sweeper.sweep().mended.values())


def test_a_multipart_upload_of_an_image_that_failed_is_aborted(
    make_job: MakeJob, sweeper: Sweeper, service: WebConfig
) -> None:
    job = make_job(2, uploaded=False)
    uploads = Bucket(Clients(region=service.region).s3, service.uploads_bucket)
    keys = [Image.objects.get(image_id=image).source_key for image in job.image_ids]
    upload_id = uploads.create_upload(keys[0])
    transitions.mark_upload_started(job.job_id, job.image_ids[0], upload_id)
    transitions.mark_upload_started(job.job_id, job.image_ids[1], "gone-by-lifecycle")

    assert sweeper.sweep().mended["orphan_uploads_aborted"] == 0  # they may still be going on
    transitions.cancel(job.job_id)
    assert sweeper.sweep().mended["orphan_uploads_aborted"] == 2
    s3 = Clients(region=service.region).s3
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=service.uploads_bucket, Prefix=keys[0])
    assert sweeper.sweep().mended["orphan_uploads_aborted"] == 0


def test_a_step_that_fails_does_not_keep_the_others_from_their_work(
    make_job: MakeJob, queues: Queues, service: WebConfig
) -> None:
    job = make_job(1)
    Job.objects.filter(job_id=job.job_id).update(expires_at=timezone.now())
    broken = service.model_copy(update={"dead_letter_queue_url": f"{queues.jobs.url}-missing"})
    done = Sweeper(broken, Clients(region=service.region), retention=RETENTION).sweep()
    assert done.failed == ("dead_letters_rescued",)
    assert done.mended["expired_jobs"] == 1


def test_idempotency_keys_are_forgotten_after_a_week_and_their_jobs_are_not(tenant: str, sweeper: Sweeper) -> None:
    for key in ("old", "young"):
        transitions.create_job(
            tenant=tenant,
            recipe=RECIPE,
            recipe_digest="0" * 64,
            files=[NewFile(name="a.dng", size_bytes=1)],
            lifetime=timedelta(days=30),
            idempotency=Idempotency(key=key, body_digest="b"),
        )
    IdempotencyKey.objects.filter(key="old").update(created_at=timezone.now() - timedelta(days=8))
    assert sweeper.sweep().mended["idempotency_keys_forgotten"] == 1
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]
    assert Job.objects.count() == 2


def test_a_message_that_the_queue_gave_up_although_nothing_failed_is_sent_again(
    make_job: MakeJob, queues: Queues, sweeper: Sweeper
) -> None:
    job = make_job(2)
    failed = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(failed, Claim)
    transitions.settle_failed(failed, "damaged", "broken")
    for image in job.image_ids:
        queues.dead_letters.send(body_of(ImageWanted(job.job_id, image)))
    queues.dead_letters.send("not JSON")

    assert sweeper.sweep().mended["dead_letters_rescued"] == 1
    assert queues.bodies() == [ImageWanted(job.job_id, job.image_ids[0])]
    with dead_letters.looked_at(queues.dead_letters) as left:
        assert len(left) == 2


def test_messages_are_read_as_they_were_written_and_anything_else_is_told_what_it_is_not() -> None:
    job_id, image_id = uuid4(), uuid4()
    for wanted in (ImageWanted(job_id, image_id), ArchiveWanted(job_id)):
        assert parse(body_of(wanted)) == wanted
    for body, why in {
        "{": "not JSON",
        "[" * 100_000: "not JSON",
        "[]": "a JSON list",
        "{}": "job_id is null",
        '{"job_id": 7}': "job_id is 7; it must be a UUID",
        f'{{"job_id": "{job_id}", "image_id": "x"}}': 'image_id is "x"',
        f'{{"job_id": "{job_id}", "archive": "yes"}}': "image_id is null",
    }.items():
        assert why in str(parse(body))


def _settled(job: Made) -> Made:
    for image in job.image_ids:
        claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        transitions.settle_completed(claim, Outcome(outputs=()))
    return job


def _until_nothing(send: Callable[..., int], queue: Queue) -> int:
    total = 0
    while sent := send(queue, grace=NO_GRACE, retention=RETENTION):
        total += sent
    return total


def _long_ago() -> None:
    """Moves what is waited for into the past, instead of waiting."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE images SET uploaded_at = uploaded_at - interval '1 hour'")
        cursor.execute("UPDATE jobs SET settled_at = settled_at - interval '1 hour'")


def test_after_a_restore_everything_that_waits_or_was_in_work_is_sent_anew(
    make_job: MakeJob, queues: Queues, sweeper: Sweeper
) -> None:
    job, other = make_job(4), make_job(1)
    transitions.mark_enqueued([*job.image_ids, *other.image_ids])
    for each in (job, other):
        Image.objects.filter(job_id=each.job_id).update(uploaded_at=timezone.now() - timedelta(hours=1))
    done, held = (transitions.claim(job.job_id, image, worker="gone", lease_s=900) for image in job.image_ids[:2])
    assert isinstance(done, Claim)
    assert isinstance(held, Claim)
    transitions.settle_completed(done, Outcome(outputs=(), vault_key=None, verdict="ok", evidence=(), timings={}))

    assert outbox.forget_sent(job.job_id) == (2, 0), "what is in work is somebody's"
    assert outbox.forget_sent(job.job_id, leases=True) == (1, 0)
    assert outbox.send_unsent_images(queues.jobs, grace=NO_GRACE, retention=RETENTION) == 3
    assert set(queues.bodies()) == {ImageWanted(job.job_id, image) for image in job.image_ids[1:]}
    assert transitions.extend([held.lease_token], lease_s=900) == frozenset(), "who has it all the same loses it"
    assert Image.objects.get(image_id=other.image_ids[0]).enqueued_at is not None
