"""What must hold between settings. Each rule yields the problems it finds, so that one run names them all."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from itertools import combinations

from stacks.settings import compute, keeping
from stacks.settings.errors import Problem
from stacks.settings.network import NatMode
from stacks.settings.platform import Strategy
from stacks.settings.tree import SettingsTree

AWS_RESERVED_ADDRESSES = 5
"""Addresses that AWS keeps for itself in every subnet."""
_TIERS = ("public", "private_app", "private_db")


def broken_rules(settings: SettingsTree) -> Iterator[Problem]:
    """Every problem that lies between two settings rather than in one."""
    for rule in RULES:
        yield from rule(settings)


def _zones_are_of_the_region(settings: SettingsTree) -> Iterator[Problem]:
    for zone in settings.network.zones:
        if zone[:-1] != settings.region:
            yield Problem.of(f"network.zones.{zone}", zone, f"zones of the region {settings.region!r}")


def _subnets_lie_in_the_vpc(settings: SettingsTree) -> Iterator[Problem]:
    for key, block in _blocks(settings):
        if not block.subnet_of(settings.network.cidr):
            yield Problem.of(key, str(block), f"a block inside network.cidr, {settings.network.cidr}")


def _subnets_do_not_overlap(settings: SettingsTree) -> Iterator[Problem]:
    for (first_key, first), (key, block) in combinations(_blocks(settings), 2):
        if block.overlaps(first):
            yield Problem.of(key, str(block), f"a block that does not overlap {first_key}, {first}")


def _least_is_not_above_most(settings: SettingsTree) -> Iterator[Problem]:
    for group in ("web", "workers"):
        least, most = getattr(settings, group).min_instances, getattr(settings, group).max_instances
        if least > most:
            yield Problem.of(f"{group}.min_instances", least, f"at most {group}.max_instances, {most}")


def _a_message_outlives_its_job(settings: SettingsTree) -> Iterator[Problem]:
    timeout, limit = settings.messaging.visibility_timeout_s, settings.jobs.time_limit_s
    if timeout < limit:
        yield Problem.of(
            "messaging.visibility_timeout_s",
            timeout,
            f"at least jobs.time_limit_s, {limit}: a message that reappears in mid-job is worked on twice",
        )


def _dead_letters_outlive_messages(settings: SettingsTree) -> Iterator[Problem]:
    dead, live = settings.messaging.dead_letter_retention_days, settings.messaging.retention_days
    if dead <= live:
        yield Problem.of(
            "messaging.dead_letter_retention_days",
            dead,
            f"more than messaging.retention_days, {live}: a dead letter keeps the age it had in the job queue",
        )


def _workers_can_exist(settings: SettingsTree) -> Iterator[Problem]:
    workers = settings.workers
    if workers.strategy is not Strategy.FARGATE and workers.max_instances == 0:
        yield Problem.of("workers.max_instances", 0, f"at least 1 with workers.strategy {workers.strategy.value!r}")
    if workers.strategy is Strategy.FARGATE and workers.max_instances > 0:
        yield Problem.of("workers.max_instances", workers.max_instances, "0 with workers.strategy 'fargate'")
    if workers.strategy is not Strategy.EC2 and workers.max_burst_tasks == 0:
        yield Problem.of("workers.max_burst_tasks", 0, f"at least 1 with workers.strategy {workers.strategy.value!r}")
    if workers.strategy is Strategy.EC2 and workers.max_burst_tasks > 0:
        yield Problem.of("workers.max_burst_tasks", workers.max_burst_tasks, "0 with workers.strategy 'ec2'")


def _everything_finds_an_address(settings: SettingsTree) -> Iterator[Problem]:
    """An instance takes one address and its task another; a subnet that runs out loses work without an error."""
    zones = settings.network.zones
    web, workers = settings.web, settings.workers
    wanted = 2 * (web.max_instances + workers.max_instances) + workers.max_burst_tasks
    free = sorted(
        max(0, zone.private_app.num_addresses - AWS_RESERVED_ADDRESSES - len(settings.network.endpoints))
        for zone in zones.values()
    )
    # An environment that survives the loss of a zone must fit into the others.
    room = sum(free[:-1] if settings.high_availability else free)
    if wanted > room:
        smallest = min(zones, key=lambda zone: zones[zone].private_app.num_addresses)
        without = " with the largest one lost" if settings.high_availability else ""
        yield Problem.of(
            f"network.zones.{smallest}.private_app",
            str(zones[smallest].private_app),
            f"larger app subnets, or smaller maxima: web, workers and burst tasks may take {wanted} addresses, "
            f"and the app subnets hold {room}{without}",
        )


def _high_availability_is_meant(settings: SettingsTree) -> Iterator[Problem]:
    if not settings.high_availability:
        return
    claim = "because high_availability = true"
    if settings.network.nat is NatMode.SINGLE:
        yield Problem.of("network.nat", "single", f"'per-zone' {claim}")
    if settings.web.min_instances < len(settings.network.zones):
        least = len(settings.network.zones)
        yield Problem.of("web.min_instances", settings.web.min_instances, f"at least {least}, one per zone, {claim}")
    if not settings.database.multi_az:
        yield Problem.of("database.multi_az", value=False, allowed=f"true {claim}")
    if settings.session_store.replicas == 0:
        yield Problem.of("session_store.replicas", 0, f"at least 1 {claim}")


def _prod_is_safe(settings: SettingsTree) -> Iterator[Problem]:
    if settings.name != "prod":
        return
    for key in ("high_availability", "termination_protection"):
        if not getattr(settings, key):
            yield Problem.of(key, value=False, allowed="true in prod")


def _blocks(settings: SettingsTree) -> Iterator[tuple[str, IPv4Network]]:
    for zone, blocks in settings.network.zones.items():
        for tier in _TIERS:
            yield f"network.zones.{zone}.{tier}", getattr(blocks, tier)


RULES: tuple[Callable[[SettingsTree], Iterator[Problem]], ...] = (
    _zones_are_of_the_region,
    _subnets_lie_in_the_vpc,
    _subnets_do_not_overlap,
    _least_is_not_above_most,
    _a_message_outlives_its_job,
    _dead_letters_outlive_messages,
    _workers_can_exist,
    _everything_finds_an_address,
    _high_availability_is_meant,
    _prod_is_safe,
    *compute.RULES,
    *keeping.RULES,
)
