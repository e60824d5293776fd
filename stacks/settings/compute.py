"""What must hold between the settings of web and workers: machines that fit their work, and a bill that is wanted."""

import math
from collections.abc import Callable, Iterator

from stacks.machines import CONSUMER_BYTES, KNOWN_TYPES, MIB, Machine, machine_of, process_bytes, worker_on
from stacks.settings.errors import Problem
from stacks.settings.platform import Strategy
from stacks.settings.tree import SettingsTree

HOURS_PER_MONTH = 730
_LEAST_WEB_MIB = 2048


def _machines_are_known(settings: SettingsTree) -> Iterator[Problem]:
    for key, instance_type in _instance_types(settings):
        if machine_of(instance_type) is None:
            yield Problem.of(key, instance_type, KNOWN_TYPES)


def _a_web_instance_holds_its_task(settings: SettingsTree) -> Iterator[Problem]:
    machine = machine_of(settings.web.instance_type)
    if machine is not None and machine.memory_mib < _LEAST_WEB_MIB:
        yield Problem.of(
            "web.instance_type", machine.instance_type, f"an instance with at least {_LEAST_WEB_MIB} MiB for its task"
        )


def _a_worker_holds_a_process(settings: SettingsTree) -> Iterator[Problem]:
    machine = machine_of(settings.workers.instance_type)
    if machine is None or settings.workers.strategy is Strategy.FARGATE:
        return
    most = settings.jobs.max_megapixels
    if worker_on(machine, max_megapixels=most).processes < 1:
        yield Problem.of(
            "workers.instance_type",
            machine.instance_type,
            f"an instance with more memory, or a smaller jobs.max_megapixels: a worker with one process for {most} "
            f"megapixels needs {(CONSUMER_BYTES + process_bytes(most)) // MIB} MiB, and the task on this instance has "
            f"{machine.task_mib}",
        )


def _alternatives_can_stand_in(settings: SettingsTree) -> Iterator[Problem]:
    machine = machine_of(settings.workers.instance_type)
    if machine is None:
        return
    for position, instance_type in enumerate(settings.workers.alternative_instance_types):
        other = machine_of(instance_type)
        if other is not None and not _can_stand_in(other, machine):
            yield Problem.of(
                f"workers.alternative_instance_types[{position}]",
                instance_type,
                f"a type of {machine.architecture} with at least {machine.vcpus} vCPUs and {machine.memory_mib} MiB, "
                f"like {machine.instance_type}: the same task has to fit",
            )


def _spot_has_instances(settings: SettingsTree) -> Iterator[Problem]:
    workers = settings.workers
    if workers.strategy is Strategy.FARGATE and workers.spot_share_percent > 0:
        yield Problem.of("workers.spot_share_percent", workers.spot_share_percent, "0 with workers.strategy 'fargate'")


def _a_deployment_finds_room(settings: SettingsTree) -> Iterator[Problem]:
    web = settings.web
    if settings.high_availability and web.max_instances == web.min_instances:
        yield Problem.of(
            "web.max_instances",
            web.max_instances,
            f"more than web.min_instances, {web.min_instances}, because high_availability = true: "
            "a deployment starts new tasks before it stops old ones",
        )


def _a_domain_has_a_zone(settings: SettingsTree) -> Iterator[Problem]:
    web = settings.web
    if web.domain is not None and web.hosted_zone_id is None:
        yield Problem(
            key="web.hosted_zone_id",
            found="missing",
            allowed=f"the Route 53 zone that the records of web.domain, {web.domain!r}, are written to",
        )
    if web.domain is None and web.hosted_zone_id is not None:
        yield Problem(key="web.domain", found="missing", allowed="a domain in web.hosted_zone_id, or neither")
    if web.domain is None and settings.name == "prod":
        yield Problem(key="web.domain", found="missing", allowed="a domain in prod: without one there is no TLS")


def _the_budget_covers_the_workers(settings: SettingsTree) -> Iterator[Problem]:
    """Workers at their limits for the peak hours, at their least for the rest. The other parts cost extra."""
    workers, budget = settings.workers, settings.budget
    hourly = budget.worker_instance_usd_per_hour
    peak = workers.max_instances * hourly + workers.max_burst_tasks * budget.burst_task_usd_per_hour
    rest = workers.min_instances * hourly
    peak_hours = min(budget.peak_hours_per_month, HOURS_PER_MONTH)
    month = peak * peak_hours + rest * (HOURS_PER_MONTH - peak_hours)
    if month > budget.monthly_usd:
        yield Problem.of(
            "budget.monthly_usd",
            int(budget.monthly_usd) if budget.monthly_usd.is_integer() else budget.monthly_usd,
            f"at least {math.ceil(month)}, or fewer workers: {workers.max_instances} instances and "
            f"{workers.max_burst_tasks} burst tasks for {peak_hours} hours, and {workers.min_instances} instances for "
            f"the rest of the month, cost that much",
        )


def _can_stand_in(other: Machine, machine: Machine) -> bool:
    return (
        other.architecture is machine.architecture
        and other.vcpus >= machine.vcpus
        and other.memory_mib >= machine.memory_mib
    )


def _instance_types(settings: SettingsTree) -> Iterator[tuple[str, str]]:
    yield "web.instance_type", settings.web.instance_type
    yield "workers.instance_type", settings.workers.instance_type
    for position, instance_type in enumerate(settings.workers.alternative_instance_types):
        yield f"workers.alternative_instance_types[{position}]", instance_type


RULES: tuple[Callable[[SettingsTree], Iterator[Problem]], ...] = (
    _machines_are_known,
    _a_web_instance_holds_its_task,
    _a_worker_holds_a_process,
    _alternatives_can_stand_in,
    _spot_has_instances,
    _a_deployment_finds_room,
    _a_domain_has_a_zone,
    _the_budget_covers_the_workers,
)
