"""Many workers at the same moment, each with a connection of its own: every end is seen exactly once."""

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import repeat

import pytest

from service.jobs import transitions
from service.jobs.models import Image, Job
from service.jobs.records import (
    ArchiveClaim,
    Cancellation,
    Claim,
    Created,
    Idempotency,
    LeaseLost,
    NewFile,
    Outcome,
    Redriven,
    Settled,
)
from tests.service.jobs.conftest import RECIPE, Made, Workers

MakeJob = Callable[..., Made]
WORKERS = 8
ROUNDS = 200


def test_of_eight_workers_that_settle_the_last_images_at_once_exactly_one_sees_the_end_200_times(
    make_job: MakeJob, workers: Workers
) -> None:
    for round_ in range(ROUNDS):
        job = make_job(WORKERS)
        claims = [_claimed(job, number) for number in range(WORKERS)]
        failing = round_ % (WORKERS + 1)  # from none to all of them
        settled = workers.at_once(
            [
                partial(transitions.settle_failed, claim, "damaged", "broken")
                if number < failing
                else partial(transitions.settle_completed, claim, Outcome(outputs=()))
                for number, claim in enumerate(claims)
            ]
        )
        ends = [each for each in settled if isinstance(each, Settled) and each.job_settled]
        row = Job.objects.get(job_id=job.job_id)
        assert len(ends) == 1, f"round {round_}: {len(ends)} workers saw the end"
        assert (row.images_completed, row.images_failed) == (WORKERS - failing, failing)
        assert row.settled_at is not None
        assert row.status == ends[0].job_status == ("failed" if failing == WORKERS else "processing")


def test_of_eight_deliveries_of_one_message_exactly_one_is_claimed_and_settled(
    make_job: MakeJob, workers: Workers
) -> None:
    for _ in range(50):
        job = make_job(1)
        claim = partial(transitions.claim, job.job_id, job.image_ids[0], worker="w", lease_s=30)
        claims = [each for each in workers.at_once([claim] * WORKERS) if isinstance(each, Claim)]
        assert len(claims) == 1
        settle = partial(transitions.settle_completed, claims[0], Outcome(outputs=()))
        settled = workers.at_once([settle] * WORKERS)
        assert sum(isinstance(each, Settled) for each in settled) == 1
        assert sum(isinstance(each, LeaseLost) for each in settled) == WORKERS - 1
        assert Job.objects.get(job_id=job.job_id).images_completed == 1


def test_of_eight_workers_that_take_over_a_lost_lease_exactly_one_gets_it(make_job: MakeJob, workers: Workers) -> None:
    for _ in range(30):
        job = make_job(1)
        transitions.claim(job.job_id, job.image_ids[0], worker="lost", lease_s=-1)
        claim = partial(transitions.claim, job.job_id, job.image_ids[0], worker="w", lease_s=30)
        claims = [each for each in workers.at_once([claim] * WORKERS) if isinstance(each, Claim)]
        assert len(claims) == 1
        assert claims[0].attempts == 2


def test_claims_against_a_cancellation_leave_each_image_either_running_or_cancelled(
    make_job: MakeJob, workers: Workers
) -> None:
    for _ in range(40):
        job = make_job(WORKERS - 1)
        claims: list[Callable[[], object]] = [
            partial(transitions.claim, job.job_id, image, worker="w", lease_s=30) for image in job.image_ids
        ]
        cancel: Callable[[], object] = partial(transitions.cancel, job.job_id)
        *answers, cancelled = workers.at_once([*claims, cancel])
        running = [each for each in answers if isinstance(each, Claim)]
        assert isinstance(cancelled, Cancellation)
        assert len(running) + cancelled.images_cancelled == len(job.image_ids)
        _finish_and_check(job, running)
        assert Job.objects.get(job_id=job.job_id).status == "cancelled"


def test_images_given_back_while_the_job_is_cancelled_never_stay_behind(make_job: MakeJob, workers: Workers) -> None:
    for _ in range(40):
        job = make_job(WORKERS - 1)
        running = [_claimed(job, number) for number in range(len(job.image_ids))]
        returns: list[Callable[[], object]] = [
            partial(transitions.give_back, claim, drained=bool(number % 2)) for number, claim in enumerate(running)
        ]
        cancel: Callable[[], object] = partial(transitions.cancel, job.job_id)
        workers.at_once([*returns, cancel])
        row = Job.objects.get(job_id=job.job_id)
        assert (row.status, row.images_failed) == ("cancelled", len(job.image_ids))
        assert row.settled_at is not None


def test_of_a_cancellation_and_a_finished_archive_at_once_exactly_one_holds(
    make_job: MakeJob, workers: Workers
) -> None:
    for _ in range(40):
        job = make_job(1)
        transitions.settle_completed(_claimed(job, 0), Outcome(outputs=()))
        archive = transitions.claim_archive(job.job_id, lease_s=30)
        assert isinstance(archive, ArchiveClaim)
        cancels: list[Callable[[], object]] = [partial(transitions.cancel, job.job_id)] * (WORKERS - 1)
        complete: Callable[[], object] = partial(transitions.complete_archive, archive, key="k", size_bytes=1)
        *cancelled, completed = workers.at_once([*cancels, complete])
        changes = [each for each in cancelled if isinstance(each, Cancellation) and each.changed]
        assert len(changes) + int(completed is True) == 1
        assert Job.objects.get(job_id=job.job_id).status == ("completed" if completed else "cancelled")


def test_a_settling_worker_against_the_sweeper_counts_its_image_once(make_job: MakeJob, workers: Workers) -> None:
    for _ in range(40):
        job = make_job(4)
        running = []
        for image in job.image_ids:
            claim = transitions.claim(job.job_id, image, worker="w", lease_s=-60)
            assert isinstance(claim, Claim)
            running.append(claim)
        settles: list[Callable[[], object]] = [
            partial(transitions.settle_completed, claim, Outcome(outputs=())) for claim in running
        ]
        sweep: Callable[[], object] = partial(transitions.release_lost, max_attempts=1, grace_s=0, limit=10)
        extend: Callable[[], object] = partial(
            transitions.extend, [claim.lease_token for claim in reversed(running)], lease_s=-60
        )
        workers.at_once([*settles, sweep, sweep, extend])
        row = Job.objects.get(job_id=job.job_id)
        images = Image.objects.filter(job_id=job.job_id)
        assert row.images_completed == images.filter(status="completed").count()
        assert row.images_failed == images.filter(status="failed").count()
        transitions.release_lost(max_attempts=1, grace_s=0, limit=10)  # whatever both skipped for the other's lock
        row.refresh_from_db()
        assert row.images_completed + row.images_failed == 4
        assert row.settled_at is not None


def test_equal_requests_at_once_make_one_job(tenant: str, workers: Workers) -> None:
    for round_ in range(20):
        create = partial(
            transitions.create_job,
            tenant=tenant,
            recipe=RECIPE,
            recipe_digest="0" * 64,
            files=[NewFile(name="a.dng", size_bytes=1)],
            lifetime=timedelta(days=1),
            idempotency=Idempotency(key=f"order-{round_}", body_digest="a"),
        )
        created: list[Created] = workers.at_once([create] * WORKERS)
        assert len({each.job.job_id for each in created}) == 1
        assert [each.replayed for each in created].count(False) == 1
    assert Job.objects.count() == 20


def test_one_of_eight_redrives_reopens_and_one_of_eight_archives_completes(make_job: MakeJob, workers: Workers) -> None:
    for _ in range(20):
        job = make_job(2)
        transitions.settle_completed(_claimed(job, 0), Outcome(outputs=()))
        transitions.settle_failed(_claimed(job, 1), "damaged", "broken")
        redrive = partial(transitions.redrive_image, job.job_id, job.image_ids[1], lifetime=timedelta(days=1))
        redriven = workers.at_once([redrive] * WORKERS)
        assert sum(isinstance(each, Redriven) for each in redriven) == 1
        assert Job.objects.get(job_id=job.job_id).images_failed == 0
        transitions.settle_completed(_claimed(job, 1), Outcome(outputs=()))
        claims = workers.at_once([partial(transitions.claim_archive, job.job_id, lease_s=30)] * WORKERS)
        held = [each for each in claims if isinstance(each, ArchiveClaim)]
        assert len(held) == 1
        done = workers.at_once([partial(transitions.complete_archive, held[0], key="k", size_bytes=1)] * WORKERS)
        assert done.count(True) == 1


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_at_once_the_counts_agree_with_the_rows_and_nothing_deadlocks(
    make_job: MakeJob, workers: Workers, seed: int
) -> None:
    dice = random.Random(seed)
    jobs = [make_job(6) for _ in range(2)]
    for _ in range(25):
        workers.at_once([partial(_anything, jobs, dice.random()) for _ in range(WORKERS)])
        for job in jobs:
            _check(job)
    for job in jobs:
        transitions.release_lost(max_attempts=1, grace_s=-3600, limit=10)
        for image in job.image_ids:
            claim = transitions.claim(job.job_id, image, worker="w", lease_s=30)
            if isinstance(claim, Claim):
                transitions.settle_completed(claim, Outcome(outputs=()))
        _check(job)
        assert Job.objects.get(job_id=job.job_id).settled_at is not None


def _anything(jobs: list[Made], seed: float) -> None:
    """One thing that a worker, a customer, an operator or the sweeper does, on any image of any job."""
    dice = random.Random(seed)
    job = dice.choice(jobs)
    image = dice.choice(job.image_ids)
    many = dice.sample(job.image_ids, 4)
    match dice.choices(range(8), weights=(10, 2, 2, 2, 3, 1, 2, 2))[0]:
        case 0:
            claim = transitions.claim(job.job_id, image, worker="w", lease_s=dice.choice((-1, 30)))
            if isinstance(claim, Claim):
                _any_end(claim, dice)
        case 1:
            transitions.release_lost(max_attempts=2, grace_s=0, limit=10)
        case 2:
            transitions.mark_enqueued(many)
        case 3:
            transitions.extend(
                [token for token in Image.objects.values_list("lease_token", flat=True) if token], lease_s=-1
            )
        case 4:
            transitions.redrive_image(job.job_id, image, lifetime=timedelta(days=1))
        case 5 if dice.random() < 0.1:
            transitions.cancel(job.job_id)
        case 6:
            archive = transitions.claim_archive(job.job_id, lease_s=0)
            if isinstance(archive, ArchiveClaim):
                transitions.complete_archive(archive, key="k", size_bytes=1)
        case _:
            transitions.expire(limit=1)


def _any_end(claim: Claim, dice: random.Random) -> None:
    match dice.randrange(4):
        case 0:
            transitions.settle_completed(claim, Outcome(outputs=()))
        case 1:
            transitions.settle_failed(claim, "damaged", "broken")
        case 2:
            transitions.give_back(claim, drained=dice.random() < 0.5)
        case _:
            pass  # killed


def _claimed(job: Made, number: int) -> Claim:
    claim = transitions.claim(job.job_id, job.image_ids[number], worker=f"w{number}", lease_s=30)
    assert isinstance(claim, Claim)
    return claim


def _finish_and_check(job: Made, running: list[Claim]) -> None:
    for claim, outcome in zip(running, repeat(Outcome(outputs=())), strict=False):
        assert isinstance(transitions.settle_completed(claim, outcome), Settled)
    row = Job.objects.get(job_id=job.job_id)
    assert row.images_completed == len(running)
    assert row.images_failed == len(job.image_ids) - len(running)
    assert row.settled_at is not None


def _check(job: Made) -> None:
    """What must hold between any two transitions."""
    row = Job.objects.get(job_id=job.job_id)
    images = list(Image.objects.filter(job_id=job.job_id))
    statuses = [image.status for image in images]
    assert row.images_completed == statuses.count("completed")
    assert row.images_failed == statuses.count("failed")
    assert (row.settled_at is not None) == (row.images_completed + row.images_failed == row.images_total)
    if row.status == "cancelled":
        assert "pending" not in statuses
    if row.status == "pending":
        assert set(statuses) == {"pending"}
    if row.status == "completed":
        assert row.settled_at is not None
        assert "completed" in statuses
