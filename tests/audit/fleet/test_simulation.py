"""What the simulation must hold whatever happens, and what can be reckoned without it."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.errors import AuditError
from audit.fleet.model import Fleet
from audit.fleet.service_times import Times
from audit.fleet.simulation import Outcome, Poison, PoisonKind, Send, SpotReclaims, Work, ZoneLoss, simulate
from tests.audit.fleet.fleets import QUEUE, burst, fleet, instances, settings, standing


def at_once(images: int) -> Work:
    return Work(sends=[Send(at_s=0, images=images)])


def figures(outcome: Outcome) -> dict[str, float]:
    return {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name != "record"}


_FLEETS = {
    "ec2": fleet(instances(0, 6)),
    "fargate": fleet(tasks=burst(8)),
    "hybrid": fleet(instances(1, 4), burst(6, base=40)),
    "spot": fleet(replace(instances(1, 6), spot_share=0.8, on_demand_base=1), burst(3, base=60)),
    "hard spot": fleet(replace(instances(0, 6), spot_share=1.0, drains_spot=False)),
}


@given(
    which=st.sampled_from(sorted(_FLEETS)),
    sends=st.lists(st.tuples(st.floats(0, 3600), st.integers(1, 300)), min_size=1, max_size=5),
    poison=st.floats(0, 0.2),
    lost_at_s=st.none() | st.floats(0, 2000),
    reclaims=st.floats(0.1, 30),
    patience_s=st.sampled_from([900.0, 86_400.0]),
    aggregated=st.booleans(),
    seed=st.integers(0, 1000),
)
@hypothesis_settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_every_image_is_completed_dead_or_still_there_whatever_befalls_the_fleet(
    *,
    which: str,
    sends: list[tuple[float, int]],
    poison: float,
    lost_at_s: float | None,
    reclaims: float,
    patience_s: float,
    aggregated: bool,
    seed: int,
) -> None:
    """The regression it catches: an image counted twice, or by nobody, when its worker goes in the middle of it."""
    work = Work(
        sends=[Send(at_s=at_s, images=images) for at_s, images in sorted(sends)],
        patience_s=patience_s,
        poison=Poison(share=poison, kinds=[(PoisonKind.CRASH, 0.5), (PoisonKind.HANG, 0.25), (PoisonKind.KILL, 0.25)]),
        zone_losses=[] if lost_at_s is None else [ZoneLoss(at_s=lost_at_s, for_s=1200)],
        spot=SpotReclaims(per_hour=reclaims),
    )
    times = Times.of(np.random.default_rng(seed).lognormal(1.5, 0.6, 500))
    outcome = simulate(_FLEETS[which], work, settings(times, seed=seed, aggregated=aggregated))
    assert outcome.completed + outcome.dead + outcome.expired + outcome.left == outcome.images
    assert outcome.lost == outcome.expired == 0
    assert min(figures(outcome).values()) >= 0
    assert 0 <= outcome.utilisation <= 1 + 1e-9
    if patience_s > 80_000:
        assert outcome.left == 0


@pytest.mark.parametrize(("images", "workers", "processes"), [(1, 1, 1), (100, 1, 2), (101, 3, 4), (1000, 5, 8)])
def test_equal_images_on_a_standing_fleet_drain_in_as_many_rounds_as_there_are(
    images: int, workers: int, processes: int
) -> None:
    outcome = simulate(standing(workers, processes=processes), at_once(images), settings(10.0))
    assert outcome.drained_s == pytest.approx(math.ceil(images / (workers * processes)) * 10)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_process_with_arrivals_by_chance_waits_as_long_as_queueing_theory_says(load: float) -> None:
    """M/D/1: the mean wait is load / (2 (1 − load)) service times (Pollaczek–Khinchine)."""
    images, service_s = 40_000, 1.0
    gaps_s = np.random.default_rng(3).exponential(service_s / load, images)
    work = Work(sends=[Send(at_s=float(at_s), images=1) for at_s in np.cumsum(gaps_s)])
    outcome = simulate(standing(1, processes=1), work, settings(service_s))
    mean_s = float(np.mean(outcome.record.waits_s))
    assert mean_s == pytest.approx(load / (2 * (1 - load)) * service_s, rel=0.1)
    assert outcome.record.busy_s == pytest.approx(images * service_s)


def test_the_same_seed_gives_the_same_outcome_and_another_one_another() -> None:
    hybrid = _FLEETS["hybrid"]
    times = Times.of(np.random.default_rng(5).lognormal(1, 0.5, 4000))
    first, again, other = (figures(simulate(hybrid, at_once(3000), settings(times, seed=seed))) for seed in (4, 4, 5))
    assert first == again
    assert first != other


@pytest.mark.parametrize("strategy", ["ec2", "fargate", "hybrid"])
def test_batches_change_the_result_by_less_than_two_percent(strategy: str) -> None:
    """Batches shrink with the queue: what is put together is far from the end that counts."""
    times = Times.of(np.random.default_rng(6).lognormal(0, 0.5, 20_000))
    exact, batched = (
        simulate(_FLEETS[strategy], at_once(20_000), settings(times, aggregated=aggregated))
        for aggregated in (False, True)
    )
    assert batched.completed == exact.completed == 20_000
    for name in ("drained_s", "p50_wait_s", "p95_wait_s", "utilisation"):
        assert getattr(batched, name) == pytest.approx(getattr(exact, name), rel=0.02), name
    for kind, seconds in exact.record.paid.items():
        assert batched.record.paid[kind] == pytest.approx(seconds, rel=0.02)
    assert len(batched.record.waits_s) < len(exact.record.waits_s) / 4, "they were not batched"


def test_ten_million_images_are_simulated_in_the_memory_of_few() -> None:
    """A job at once is one row of the queue: nothing is stored for an image that waits."""
    large = replace(_FLEETS["fargate"], burst=replace(burst(100), task=replace(burst().task, processes=16)))
    times = Times.of(np.random.default_rng(6).lognormal(0, 0.5, 20_000))
    outcome = simulate(large, at_once(10_000_000), settings(times, aggregated=True))
    assert outcome.completed == 10_000_000
    least_s = 10_000_000 * times.mean_s / 1600
    assert least_s < outcome.whole_s < 1.05 * least_s + 300
    assert len(outcome.record.waits_s) < 1_000_000


def test_images_of_a_killed_worker_come_back_after_the_visibility_timeout_and_count_once() -> None:
    """A zone with the only two processes is lost in the middle of two images of 100 s."""
    work = Work(sends=[Send(at_s=0, images=2)], zone_losses=[ZoneLoss(at_s=50, for_s=60)])
    outcome = simulate(standing(1), work, settings(100.0))
    assert outcome.completed == 2
    assert outcome.deliveries == 4
    assert outcome.repeated == 2
    # Received at 0, never extended before 300 s, visible at 900 s, developed by the replacement that waits by then.
    assert outcome.whole_s == pytest.approx(1000)


def test_visibility_of_a_long_image_was_extended_before_its_worker_died() -> None:
    work = Work(sends=[Send(at_s=0, images=1)], zone_losses=[ZoneLoss(at_s=650, for_s=60)])
    outcome = simulate(standing(1), work, settings(1000.0))
    # Extended at 300 and 600 s: hidden until 1500 s.
    assert outcome.whole_s == pytest.approx(2500)


def test_an_image_that_always_crashes_is_tried_as_often_as_the_queue_says_and_then_dead() -> None:
    work = Work(sends=[Send(at_s=0, images=10)], poison=Poison(share=1, kinds=[(PoisonKind.CRASH, 1)]))
    outcome = simulate(standing(1), work, settings(10.0))
    assert (outcome.dead, outcome.completed, outcome.innocent) == (10, 0, 0)
    assert outcome.deliveries == 10 * QUEUE.max_receives
    # 30 and 120 s between the tries, a quarter more or less.
    assert 0.75 * 150 < outcome.whole_s < 1.25 * 150 + 200


def test_an_image_that_hangs_takes_the_time_limit_at_each_try() -> None:
    work = Work(sends=[Send(at_s=0, images=1)], poison=Poison(share=1, kinds=[(PoisonKind.HANG, 1)]))
    outcome = simulate(standing(1), work, settings(10.0))
    assert outcome.dead == 1
    assert 3 * 600 + 0.75 * 150 <= outcome.whole_s <= 3 * 600 + 1.25 * 150


def test_an_image_that_kills_whole_workers_ends_among_the_dead_letters_by_the_queue_itself() -> None:
    work = Work(sends=[Send(at_s=0, images=1)], poison=Poison(share=1, kinds=[(PoisonKind.KILL, 1)]))
    outcome = simulate(standing(1), work, settings(10.0))
    assert (outcome.dead, outcome.left) == (1, 0)
    assert outcome.record.events["workers killed by an image"] == QUEUE.max_receives
    assert outcome.whole_s >= 3 * 900


def test_a_lost_zone_loses_no_image_and_the_other_zone_goes_on() -> None:
    work = Work(sends=[Send(at_s=0, images=2000)], zone_losses=[ZoneLoss(at_s=300, for_s=7200)])
    outcome = simulate(fleet(instances(2, 6)), work, settings(10.0))
    assert (outcome.completed, outcome.dead, outcome.lost) == (2000, 0, 0)
    assert outcome.repeated > 0


def test_a_spot_instance_with_notice_returns_what_it_cannot_finish_without_counting_the_try() -> None:
    group = replace(instances(4, 4), spot_share=1.0)
    work = replace(at_once(400), spot=SpotReclaims(per_hour=20))
    slow = simulate(fleet(group), work, settings(300.0))
    quick = simulate(fleet(group), work, settings(20.0))
    assert slow.record.events["Spot instances taken back"] > 5
    assert slow.dead == quick.dead == 0
    assert slow.repeated > 0
    assert quick.repeated == 0, "an image of 20 s is finished within the notice"


def test_images_that_wait_longer_than_the_queue_keeps_them_are_told_as_lost() -> None:
    short = replace(QUEUE, retention_s=600)
    outcome = simulate(standing(1, processes=1, queue=short), at_once(100), settings(10.0))
    assert outcome.expired == outcome.lost > 0
    assert outcome.completed == 61  # what began within ten minutes


def test_ten_images_or_fewer_start_the_first_worker_where_none_stands() -> None:
    outcome = simulate(fleet(instances(0, 6)), at_once(3), settings(10.0))
    assert outcome.completed == 3
    assert outcome.peak_instances == 1
    # A data point a minute late, the instance, its task: minutes, and not the fifteen of a queue that sleeps.
    assert 120 < outcome.whole_s < 420


def test_the_first_image_after_a_silent_night_waits_for_the_queues_metrics() -> None:
    late = Work(sends=[Send(at_s=30_000, images=3)])
    asleep = simulate(fleet(instances(0, 6)), late, settings(10.0))
    touched = simulate(fleet(tasks=burst(4)), late, settings(10.0))
    assert asleep.whole_s > 900
    assert touched.whole_s < 240, "the function touches the queue every minute"


def test_burst_tasks_end_when_the_queue_is_empty_and_instances_go_back_to_their_least() -> None:
    outcome = simulate(_FLEETS["hybrid"], at_once(500), settings(10.0))
    last = outcome.record.curve[-1]
    assert last[3] == 0
    assert last[4] == 1
    assert outcome.peak_burst == 6


def test_busy_workers_are_not_stopped_when_there_are_to_be_fewer() -> None:
    """Long images, a backlog that is worked off: the policy wants fewer tasks while every one has work."""
    outcome = simulate(fleet(instances(0, 8)), at_once(200), settings(900.0))
    assert outcome.record.events["tasks called off"] > 0
    assert outcome.repeated == 0


@pytest.mark.parametrize(
    ("work", "why"),
    [
        (Work(sends=[]), "no image is queued"),
        (Work(sends=[Send(at_s=-1, images=1)]), "a time from 0"),
        (Work(sends=[Send(at_s=5, images=1), Send(at_s=1, images=1)]), "order of their time"),
    ],
)
def test_work_that_is_none_is_refused(work: Work, why: str) -> None:
    with pytest.raises(AuditError, match=why):
        simulate(standing(1), work, settings(10.0))


def test_fleets_of_this_file_are_what_their_names_say() -> None:
    def kinds(of: Fleet) -> tuple[bool, bool]:
        return of.instances is not None, of.burst is not None

    assert kinds(_FLEETS["ec2"]) == (True, False)
    assert kinds(_FLEETS["fargate"]) == (False, True)
