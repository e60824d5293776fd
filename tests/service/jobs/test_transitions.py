"""Transitions one after the other: what each changes, and what it refuses."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError

from service.jobs import transitions
from service.jobs.models import MAX_IMAGES, IdempotencyKey, Image, Job, JobStatus, Tenant
from service.jobs.records import (
    ArchiveClaim,
    Claim,
    Created,
    Idempotency,
    IdempotencyConflict,
    LeaseLost,
    NewFile,
    Outcome,
    Refusal,
    RefusalReason,
    Settled,
    StoredRendition,
)
from tests.service.jobs.conftest import RECIPE, SIZE_BYTES, Made

MakeJob = Callable[..., Made]


def test_a_new_job_waits_and_keeps_its_files_in_the_order_in_which_they_were_posted(tenant: str) -> None:
    names = ["z.dng", "🐈.CR3", "a/b/../c.nef", "z.dng"]
    created = transitions.create_job(
        tenant=tenant,
        recipe=RECIPE,
        recipe_digest="0" * 64,
        files=[NewFile(name=name, size_bytes=number + 1) for number, name in enumerate(names)],
        lifetime=timedelta(days=7),
    )
    images = list(Image.objects.filter(job=created.job).order_by("position"))
    assert created.job.status == JobStatus.PENDING
    assert created.job.recipe == RECIPE
    assert created.job.expires_at - created.job.created_at == timedelta(days=7)
    assert [image.name for image in images] == names
    assert [image.size_bytes for image in images] == [1, 2, 3, 4]
    assert tuple(image.image_id for image in images) == created.image_ids
    assert images[0].source_key == f"uploads/acme/{created.job.job_id}/{images[0].image_id}"


def test_ten_thousand_images_are_created_by_a_handful_of_statements(tenant: str, queries: Callable[[], int]) -> None:
    files = [NewFile(name=f"{number}.dng", size_bytes=1) for number in range(MAX_IMAGES)]
    before = queries()
    created = transitions.create_job(
        tenant=tenant, recipe=RECIPE, recipe_digest="0" * 64, files=files, lifetime=timedelta(days=7)
    )
    assert queries() - before <= 6  # BEGIN and COMMIT among them
    assert len(created.image_ids) == created.job.images_total == MAX_IMAGES


def test_a_job_that_cannot_be_created_leaves_nothing_behind(tenant: str) -> None:

    with pytest.raises(DataError):
        transitions.create_job(
            tenant=tenant,
            recipe=RECIPE,
            recipe_digest="0" * 64,
            files=[NewFile(name="ok.dng", size_bytes=1), NewFile(name="x" * 256, size_bytes=1)],
            lifetime=timedelta(days=7),
            idempotency=Idempotency(key="k", body_digest="b"),
        )
    assert not Job.objects.exists()
    assert not Image.objects.exists()
    assert not IdempotencyKey.objects.exists()


def test_an_idempotency_key_gives_the_same_job_again_and_refuses_another_body(tenant: str) -> None:
    first = _create_with_key(tenant, key="order-1", body="a")
    again = _create_with_key(tenant, key="order-1", body="a")
    assert not first.replayed
    assert again.replayed
    assert again.job.job_id == first.job.job_id
    assert again.image_ids == first.image_ids
    with pytest.raises(IdempotencyConflict, match="order-1"):
        _create_with_key(tenant, key="order-1", body="b")
    assert _create_with_key(tenant, key="order-2", body="b").job.job_id != first.job.job_id
    assert Job.objects.count() == 2


def test_an_idempotency_key_of_one_tenant_means_nothing_to_another(tenant: str) -> None:
    other = str(Tenant.objects.create(slug="other", name="Other").slug)
    first = _create_with_key(tenant, key="order-1", body="a")
    second = _create_with_key(other, key="order-1", body="b")
    assert not second.replayed
    assert second.job.job_id != first.job.job_id


def test_the_first_multipart_upload_of_an_image_counts(make_job: MakeJob) -> None:
    job = make_job(2, uploaded=False)
    image = job.image_ids[0]
    assert transitions.mark_upload_started(job.job_id, image, "first") == "first"
    assert transitions.mark_upload_started(job.job_id, image, "second") == "first"
    assert transitions.mark_upload_started(job.job_id, image, "third", replaces="another") == "first"
    assert transitions.mark_upload_started(job.job_id, image, "third", replaces="first") == "third"
    assert transitions.mark_upload_started(uuid4(), image, "other") is None
    transitions.mark_uploaded(job.job_id, [(image, SIZE_BYTES)])
    assert transitions.mark_upload_started(job.job_id, image, "fourth") is None


def test_an_upload_counts_once_and_only_with_the_announced_size_and_in_its_own_open_job(make_job: MakeJob) -> None:
    job, other = make_job(4, uploaded=False), make_job(1, uploaded=False)
    first, second, short, cancelled = job.image_ids
    assert transitions.mark_uploaded(job.job_id, [(first, SIZE_BYTES), (short, SIZE_BYTES - 1)]) == {first}
    assert transitions.mark_uploaded(job.job_id, [(first, SIZE_BYTES), (second, SIZE_BYTES)]) == {second}
    assert transitions.mark_uploaded(job.job_id, [(other.image_ids[0], SIZE_BYTES)]) == frozenset()
    transitions.cancel(job.job_id)
    assert transitions.mark_uploaded(job.job_id, [(cancelled, SIZE_BYTES)]) == frozenset()


def test_a_message_is_only_written_down_for_an_image_that_still_waits_with_its_upload(make_job: MakeJob) -> None:
    job = make_job(3, uploaded=False)
    waits, announced, taken = job.image_ids
    transitions.mark_uploaded(job.job_id, [(waits, SIZE_BYTES), (taken, SIZE_BYTES)])
    transitions.claim(job.job_id, taken, worker="w", lease_s=30)
    assert transitions.mark_enqueued([waits, announced, taken]) == {waits}


def test_the_first_claim_starts_the_job_and_says_everything_that_a_worker_needs(make_job: MakeJob) -> None:
    job = make_job(2)
    claim = transitions.claim(job.job_id, job.image_ids[1], worker="task-1", lease_s=30)
    assert isinstance(claim, Claim)
    assert (claim.tenant, claim.name, claim.size_bytes, claim.recipe) == ("acme", "1.dng", SIZE_BYTES, RECIPE)
    assert claim.source_key == f"uploads/acme/{job.job_id}/{job.image_ids[1]}"
    assert (claim.vault_key, claim.attempts) == (None, 1)
    assert claim.waited_s is not None
    assert claim.waited_s >= 0
    row = Job.objects.get(job_id=job.job_id)
    assert row.status == "processing"
    assert row.started_at is not None


def test_claim_extend_settle_and_give_back_are_one_query_each(make_job: MakeJob, queries: Callable[[], int]) -> None:
    job = make_job(2)
    before = queries()
    claim = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    transitions.extend([claim.lease_token], lease_s=30)
    transitions.settle_completed(claim, Outcome(outputs=()))
    assert queries() - before == 3
    claim = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    transitions.give_back(claim, drained=True)
    assert queries() - before == 5


def test_a_claim_is_refused_with_the_reason(make_job: MakeJob) -> None:
    def refused(job_id: object, image_id: object) -> Refusal:
        answer = transitions.claim(job_id, image_id, worker="late", lease_s=30)  # type: ignore[arg-type]
        assert isinstance(answer, Refusal)
        return answer

    job, other = make_job(3), make_job(1)
    busy, settled, waiting = job.image_ids
    held = transitions.claim(job.job_id, busy, worker="w", lease_s=30)
    done = transitions.claim(job.job_id, settled, worker="w", lease_s=30)
    assert isinstance(held, Claim)
    assert isinstance(done, Claim)
    transitions.settle_completed(done, Outcome(outputs=()))

    assert refused(uuid4(), uuid4()).reason is RefusalReason.GONE
    assert refused(job.job_id, uuid4()).reason is RefusalReason.GONE
    assert refused(other.job_id, waiting).reason is RefusalReason.GONE
    assert refused(job.job_id, settled).reason is RefusalReason.SETTLED
    answer = refused(job.job_id, busy)
    assert answer.reason is RefusalReason.BUSY
    assert 0 < answer.retry_after_s <= 30
    transitions.cancel(job.job_id)
    assert refused(job.job_id, waiting).reason is RefusalReason.SETTLED
    transitions.extend([held.lease_token], lease_s=-1)
    assert refused(job.job_id, busy).reason is RefusalReason.CANCELLED


def test_a_late_worker_changes_nothing_after_its_lease_went_to_another(make_job: MakeJob) -> None:
    job = make_job(1)
    image = job.image_ids[0]
    late = transitions.claim(job.job_id, image, worker="late", lease_s=0)
    prompt = transitions.claim(job.job_id, image, worker="prompt", lease_s=30)
    assert isinstance(late, Claim)
    assert isinstance(prompt, Claim)
    assert prompt.attempts == 2

    assert transitions.extend([late.lease_token, prompt.lease_token], lease_s=30) == {prompt.lease_token}
    assert isinstance(transitions.settle_completed(late, Outcome(outputs=())), LeaseLost)
    assert isinstance(transitions.settle_failed(late, "damaged", "?"), LeaseLost)
    assert transitions.give_back(late, drained=False) is False
    row = Image.objects.get(image_id=image)
    assert (row.status, row.worker, row.lease_token) == ("processing", "prompt", prompt.lease_token)
    assert Job.objects.get(job_id=job.job_id).images_failed == 0


def test_a_late_worker_may_still_settle_when_nobody_else_took_the_image(make_job: MakeJob) -> None:
    job = make_job(1)
    late = transitions.claim(job.job_id, job.image_ids[0], worker="late", lease_s=0)
    assert isinstance(late, Claim)
    assert isinstance(transitions.settle_completed(late, Outcome(outputs=())), Settled)


def test_settling_writes_the_outcome_and_the_last_image_makes_the_archive_due(make_job: MakeJob) -> None:
    job = make_job(2)
    rendition = StoredRendition(rendition="thumb", key="results/k", width_px=320, height_px=213, size_bytes=9)
    outcome = Outcome(
        outputs=(rendition,),
        vault_key="originals/k",
        verdict="suspect",
        evidence=("rows 1-3 dead",),
        timings={"decode": 1.5},
    )
    first = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(first, Claim)
    settled = transitions.settle_completed(first, outcome)
    assert isinstance(settled, Settled)
    assert not settled.archive_due
    image = Image.objects.get(image_id=first.image_id)
    assert (image.status, image.verdict, image.evidence) == ("completed", "suspect", ["rows 1-3 dead"])
    assert image.outputs == [
        {"rendition": "thumb", "key": "results/k", "width_px": 320, "height_px": 213, "size_bytes": 9}
    ]
    assert image.timings == {"decode": 1.5}
    assert image.vault_key == "originals/k"

    last = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(last, Claim)
    settled = transitions.settle_failed(last, "damaged", "12 of 40 strips are missing", verdict="damaged")
    assert isinstance(settled, Settled)
    assert settled.archive_due
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.images_completed, row.images_failed) == ("processing", 1, 1)
    assert row.settled_at is not None
    assert row.completed_at is None


def test_a_job_without_a_single_success_fails_and_has_no_archive(make_job: MakeJob) -> None:
    job = make_job(2)
    for image in job.image_ids:
        claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        settled = transitions.settle_failed(claim, "damaged", "broken")
    assert settled == Settled(job_settled=True, job_status=JobStatus.FAILED)
    assert not settled.archive_due
    refused = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.SETTLED


def test_a_drained_attempt_does_not_count_and_another_does(make_job: MakeJob) -> None:
    job = make_job(1)
    for drained, attempts_after in ((True, 0), (False, 1), (True, 1), (False, 2)):
        claim = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        assert transitions.give_back(claim, drained=drained, code="store_failed", message="503")
        row = Image.objects.get(image_id=job.image_ids[0])
        assert (row.status, row.attempts, row.error_code) == ("pending", attempts_after, "store_failed")


def test_cancelling_ends_what_has_not_started_and_lets_the_rest_finish(make_job: MakeJob) -> None:
    job = make_job(3)
    running = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(running, Claim)
    done = transitions.cancel(job.job_id)
    assert done is not None
    assert (done.changed, done.status, done.images_cancelled) == (True, "cancelled", 2)
    again = transitions.cancel(job.job_id)
    assert again is not None
    assert not again.changed
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.images_failed, row.settled_at) == ("cancelled", 2, None)
    assert set(Image.objects.filter(status="failed").values_list("error_code", flat=True)) == {"cancelled"}

    settled = transitions.settle_completed(running, Outcome(outputs=()))
    assert isinstance(settled, Settled)
    assert (settled.job_settled, settled.job_status, settled.archive_due) == (True, "cancelled", False)
    assert transitions.cancel(uuid4()) is None


def test_an_image_given_back_to_a_cancelled_job_fails_as_cancelled(make_job: MakeJob) -> None:
    job = make_job(1)
    claim = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    transitions.cancel(job.job_id)
    assert transitions.give_back(claim, drained=True)
    image, row = Image.objects.get(image_id=claim.image_id), Job.objects.get(job_id=job.job_id)
    assert (image.status, image.error_code) == ("failed", "cancelled")
    assert (row.status, row.images_failed) == ("cancelled", 1)
    assert row.settled_at is not None


def test_a_job_past_its_lifetime_fails_with_what_has_not_started(make_job: MakeJob) -> None:
    old, young = make_job(2, lifetime=timedelta(seconds=-1)), make_job(1)
    assert transitions.expire(limit=10) == 1
    assert transitions.expire(limit=10) == 0
    row = Job.objects.get(job_id=old.job_id)
    assert (row.status, row.error_code, row.images_failed) == ("failed", "expired", 2)
    assert set(Image.objects.filter(job_id=old.job_id).values_list("error_code", flat=True)) == {"expired"}
    assert Job.objects.get(job_id=young.job_id).status == "pending"


def test_a_lost_image_waits_again_until_its_attempts_are_used_up(make_job: MakeJob) -> None:
    job = make_job(2)
    lost = job.image_ids[0]
    for attempt in range(3):
        transitions.claim(job.job_id, lost, worker=f"task-{attempt}", lease_s=-60)
        kept = transitions.release_lost(max_attempts=3, grace_s=120, limit=10)
        assert (kept.failed, kept.waiting) == (0, 0)
        found = transitions.release_lost(max_attempts=3, grace_s=30, limit=10)
        assert (found.failed, found.waiting) == ((1, 0) if attempt == 2 else (0, 1))
    image = Image.objects.get(image_id=lost)
    assert (image.status, image.error_code, image.enqueued_at) == ("failed", "worker_lost", None)
    assert image.error_message == "the worker was lost in each of 3 attempts (the last one was task-2)"
    assert Job.objects.get(job_id=job.job_id).images_failed == 1


def test_an_image_whose_lease_has_just_ended_is_left_to_the_next_worker_though_its_job_lost_another(
    make_job: MakeJob,
) -> None:
    job = make_job(2)
    transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=-60)
    transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=-1)
    assert transitions.release_lost(max_attempts=3, grace_s=30, limit=10).waiting == 1
    assert Image.objects.get(image_id=job.image_ids[1]).status == "processing"


def test_a_lost_image_of_a_cancelled_job_ends_with_it(make_job: MakeJob) -> None:
    job = make_job(1)
    transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=-60)
    transitions.cancel(job.job_id)
    assert transitions.release_lost(max_attempts=3, grace_s=0, limit=10).failed == 1
    assert Image.objects.get(image_id=job.image_ids[0]).error_code == "cancelled"
    assert Job.objects.get(job_id=job.job_id).settled_at is not None


def test_the_archive_completes_the_job_once(make_job: MakeJob) -> None:
    job = _settled(make_job(2))
    claim = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(claim, ArchiveClaim)
    assert (claim.tenant, claim.recipe, claim.images_total, claim.images_completed) == ("acme", RECIPE, 2, 2)
    busy = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(busy, Refusal)
    assert busy.reason is RefusalReason.BUSY
    assert transitions.extend_archives([claim.lease_token, uuid4()], lease_s=60) == {claim.lease_token}
    assert transitions.complete_archive(claim, key="results/a.zip", size_bytes=77)
    assert not transitions.complete_archive(claim, key="results/b.zip", size_bytes=78)
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.s3_key, row.archive_bytes) == ("completed", "results/a.zip", 77)
    assert row.completed_at is not None
    late = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(late, Refusal)
    assert late.reason is RefusalReason.SETTLED


def test_an_archive_taken_over_by_another_worker_is_not_completed_by_the_first(make_job: MakeJob) -> None:
    job = _settled(make_job(1))
    late = transitions.claim_archive(job.job_id, lease_s=0)
    prompt = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(late, ArchiveClaim)
    assert isinstance(prompt, ArchiveClaim)
    assert prompt.attempts == 2
    assert not transitions.complete_archive(late, key="a", size_bytes=1)
    assert not transitions.give_back_archive(late, drained=False)
    assert not transitions.fail_archive(late, "?")
    assert transitions.give_back_archive(prompt, drained=True)
    again = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(again, ArchiveClaim)
    assert again.attempts == 2


def test_an_archive_that_cannot_be_written_fails_the_job_until_it_is_redriven(make_job: MakeJob) -> None:
    job = _settled(make_job(1))
    claim = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(claim, ArchiveClaim)
    assert transitions.fail_archive(claim, "no space")
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.error_code, row.error_message) == ("failed", "archive_failed", "no space")
    assert transitions.redrive_archive(job.job_id, lifetime=timedelta(days=7)) is not None
    assert transitions.redrive_archive(job.job_id, lifetime=timedelta(days=7)) is None
    claim = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(claim, ArchiveClaim)
    assert transitions.complete_archive(claim, key="a", size_bytes=1)


def test_a_lost_archive_is_sent_again_and_fails_the_job_in_the_end(make_job: MakeJob) -> None:
    job = _settled(make_job(1))
    transitions.mark_archive_enqueued(job.job_id)
    transitions.claim_archive(job.job_id, lease_s=-60)
    assert transitions.release_lost_archives(max_attempts=2, grace_s=30).waiting == 1
    assert Job.objects.get(job_id=job.job_id).archive_enqueued_at is None
    transitions.claim_archive(job.job_id, lease_s=-60)
    assert transitions.release_lost_archives(max_attempts=2, grace_s=30).failed == 1
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.error_code) == ("failed", "worker_lost")


def test_a_redrive_reopens_the_job_and_voids_an_archive_in_the_making(make_job: MakeJob) -> None:
    job = make_job(2)
    poison = job.image_ids[1]
    for image, code in ((job.image_ids[0], None), (poison, "damaged")):
        claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        if code:
            transitions.settle_failed(claim, code, "broken", verdict="damaged", evidence=["why"])
        else:
            transitions.settle_completed(claim, Outcome(outputs=()))
    archive = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(archive, ArchiveClaim)

    assert transitions.redrive_image(job.job_id, job.image_ids[0], lifetime=timedelta(days=7)) is None
    assert transitions.redrive_image(job.job_id, poison, lifetime=timedelta(days=7)) is not None
    assert transitions.redrive_image(job.job_id, poison, lifetime=timedelta(days=7)) is None
    assert not transitions.complete_archive(archive, key="stale", size_bytes=1)
    row, image_row = Job.objects.get(job_id=job.job_id), Image.objects.get(image_id=poison)
    assert (row.status, row.images_completed, row.images_failed, row.settled_at) == ("processing", 1, 0, None)
    assert (image_row.status, image_row.attempts, image_row.error_code, image_row.verdict) == ("pending", 0, None, None)

    claim = transitions.claim(job.job_id, poison, worker="w", lease_s=30)
    assert isinstance(claim, Claim)
    settled = transitions.settle_completed(claim, Outcome(outputs=()))
    assert isinstance(settled, Settled)
    assert settled.archive_due
    # An archive begun before the redrive lacks this image: it is not taken, and does not keep the new one waiting.
    assert not transitions.complete_archive(archive, key="stale", size_bytes=1)
    assert isinstance(transitions.claim_archive(job.job_id, lease_s=30), ArchiveClaim)


def test_a_redrive_of_a_completed_job_takes_its_archive_back_until_a_new_one_is_written(make_job: MakeJob) -> None:
    job = make_job(2, lifetime=timedelta(hours=1))
    good = transitions.claim(job.job_id, job.image_ids[0], worker="w", lease_s=30)
    bad = transitions.claim(job.job_id, job.image_ids[1], worker="w", lease_s=30)
    assert isinstance(good, Claim)
    assert isinstance(bad, Claim)
    transitions.settle_completed(good, Outcome(outputs=()))
    transitions.settle_failed(bad, "damaged", "broken")
    archive = transitions.claim_archive(job.job_id, lease_s=30)
    assert isinstance(archive, ArchiveClaim)
    assert transitions.complete_archive(archive, key="old", size_bytes=1)

    assert transitions.redrive_image(job.job_id, job.image_ids[1], lifetime=timedelta(days=7))
    row = Job.objects.get(job_id=job.job_id)
    assert (row.status, row.s3_key, row.completed_at, row.archive_attempts) == ("processing", None, None, 0)
    assert row.expires_at - row.created_at > timedelta(days=6)


def test_nothing_of_a_cancelled_job_is_redriven(make_job: MakeJob) -> None:
    job = make_job(1)
    transitions.cancel(job.job_id)
    assert transitions.redrive_image(job.job_id, job.image_ids[0], lifetime=timedelta(days=7)) is None


def test_the_database_itself_refuses_a_job_whose_counts_and_end_disagree(make_job: MakeJob) -> None:

    job = make_job(2)
    with pytest.raises(IntegrityError, match="jobs_settled"):
        Job.objects.filter(job_id=job.job_id).update(images_completed=2)
    with pytest.raises(IntegrityError, match="jobs_settled"):
        Job.objects.filter(job_id=job.job_id).update(images_completed=3)
    with pytest.raises(IntegrityError, match="jobs_completed"):
        Job.objects.filter(job_id=job.job_id).update(status="completed")


def _create_with_key(tenant: str, *, key: str, body: str) -> Created:
    return transitions.create_job(
        tenant=tenant,
        recipe=RECIPE,
        recipe_digest="0" * 64,
        files=[NewFile(name="a.dng", size_bytes=1), NewFile(name="b.dng", size_bytes=1)],
        lifetime=timedelta(days=7),
        idempotency=Idempotency(key=key, body_digest=body),
    )


def _settled(job: Made) -> Made:
    for image in job.image_ids:
        claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
        assert isinstance(claim, Claim)
        transitions.settle_completed(claim, Outcome(outputs=()))
    return job
