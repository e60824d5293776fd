"""Instances, tasks and functions: who is always there, who is added for the work, and who comes by the clock."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from audit.assembly import Resource, Value
from audit.cost.meter import Amount, Meter, Reading, always, below, dictionaries
from audit.cost.model import HOURS_PER_MONTH, Driver
from audit.cost.profile import Usage
from audit.cost.rates import FREE_STORAGE_GB
from audit.errors import Problem

_DETAILED_METRICS = 7
"""Metrics of an instance with detailed monitoring; https://aws.amazon.com/cloudwatch/pricing/."""

_BURST_LIMIT = "MAX_TASKS"
"""Variable of a function that starts burst workers: how many there may be at a time."""

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Who develops images.

    Attributes:
        instances: the group of workers on instances, if there is one; `least` and `most` of them, `vcpus` of each.
        burst: the function that starts workers on Fargate, if there is one; `most_bursts` workers, `burst_vcpus` each.
    """

    instances: Resource | None = None
    least: float = 0.0
    most: float = 0.0
    vcpus: float = 1.0
    burst: Resource | None = None
    burst_task: Resource | None = None
    burst_vcpus: float = 1.0
    most_bursts: float = 0.0

    @property
    def most_vcpus(self) -> float:
        """Virtual processors when everything that may be started is."""
        instances = self.most * self.vcpus if self.instances is not None else 0.0
        return instances + (self.most_bursts * self.burst_vcpus if self.burst is not None else 0.0)

    def work(self, usage: Usage) -> float:
        """vCPU-hours that are paid for the month's images, wherever they are developed."""
        profile = usage.profile
        seconds = usage.images * usage.of(profile.images.vcpu_s)
        return seconds / 3600 * (1 + usage.of(profile.peak.idle))

    def use(self, usage: Usage) -> float | None:
        """Share of the month in which the workers that always run have work; None without any such."""
        if self.instances is None or not self.least:
            return None
        work = self.work(usage) / (1 + usage.of(usage.profile.peak.idle))
        peak, always_vcpus = usage.profile.peak.hours, self.least * self.vcpus
        return min(work, always_vcpus * peak) / (always_vcpus * HOURS_PER_MONTH)

    def added_instance_hours(self, usage: Usage) -> float:
        """Hours of instances beyond those that always run.

        Instances come first, burst workers take what is left: they are started for the backlog that the group at its
        greatest does not master. Without them the group works longer than the peak.
        """
        if self.instances is None or self.most == self.least:
            return 0.0
        beyond = max(0.0, self.work(usage) - self.least * self.vcpus * usage.profile.peak.hours)
        if self.burst is not None:
            beyond = min(beyond, (self.most - self.least) * self.vcpus * usage.profile.peak.hours)
        return beyond / self.vcpus

    def burst_hours(self, usage: Usage) -> float:
        """Hours of burst workers."""
        if self.burst is None:
            return 0.0
        mastered = self.most * self.vcpus * usage.profile.peak.hours if self.instances is not None else 0.0
        return max(0.0, self.work(usage) - mastered) / self.burst_vcpus


def read_workers(reading: Reading) -> Workers:
    """Who develops images: the service behind no load balancer, and the function that starts tasks."""
    workers = Workers()
    for service in reading.assembly.of_kind("AWS::ECS::Service"):
        group, task = _group_of(reading, service), _task_of(reading, service)
        if service.properties.get("LoadBalancers") or group is None or task is None:
            continue
        if workers.instances is not None:
            why = f"works beside {workers.instances.address}; the work of one month is counted for one group of workers"
            reading.problems.append(Problem(where=f"{group.address} ({group.kind})", why=why))
        workers = replace(
            workers,
            instances=group,
            least=reading.get(group, "MinSize", 0),
            most=reading.get(group, "MaxSize", 0),
            vcpus=_vcpus(reading, task),
        )
    for function in reading.assembly.of_kind("AWS::Lambda::Function"):
        task = _task_of(reading, function)
        if task is not None:
            limit = below(dict(function.properties), "Environment", "Variables", _BURST_LIMIT)
            workers = replace(
                workers,
                burst=function,
                burst_task=task,
                burst_vcpus=_vcpus(reading, task),
                most_bursts=reading.number(function, limit, _BURST_LIMIT, 0),
            )
    return workers


def groups(reading: Reading, group: Resource) -> Iterator[Meter]:
    """An Auto Scaling group: its least instances all month, and what the work adds."""
    workers = read_workers(reading)
    least, most = reading.get(group, "MinSize", 0), reading.get(group, "MaxSize", 0)
    if workers.instances is group:
        yield from _instances(reading, group, _base("workers", least))
        added_hours = workers.added_instance_hours
        yield from _instances(reading, group, _Running(component="workers", hours=added_hours, driver=Driver.IMAGES))
        return
    service = next(
        (found for found in reading.assembly.of_kind("AWS::ECS::Service") if _group_of(reading, found) is group), None
    )
    component = "web" if service is not None and service.properties.get("LoadBalancers") else group.path.split("/")[0]
    yield from _instances(reading, group, _base(component, least))
    target = _requests_per_target(reading)
    if component == "web" and target and most > least:

        def added(usage: Usage) -> float:
            needed = math.ceil(requests_per_minute(usage) / target)
            return (min(max(needed, least), most) - least) * usage.profile.peak.hours

        yield from _instances(reading, group, _Running(component=component, hours=added, driver=Driver.IMAGES))


def services(reading: Reading, service: Resource) -> Iterator[Meter]:
    """A service on Fargate; one on instances costs what its instances cost."""
    task = _task_of(reading, service)
    if service.properties.get("LaunchType") != "FARGATE" or task is None:
        return
    count = reading.get(service, "DesiredCount", 1)
    for target in reading.users(service, "AWS::ApplicationAutoScaling::ScalableTarget"):
        count = reading.get(target, "MinCapacity", 0)
    name = "web" if service.properties.get("LoadBalancers") else "workers"
    yield from _fargate(reading, service, task, _base(name, count))


def functions(reading: Reading, function: Resource) -> Iterator[Meter]:
    """A function that starts burst workers, with the workers; how often others are called is not known."""
    workers = read_workers(reading)
    if workers.burst is not function or workers.burst_task is None:
        return
    running = _Running(component="burst workers", hours=workers.burst_hours, driver=Driver.IMAGES)
    yield from _fargate(reading, function, workers.burst_task, running)
    memory_gb = reading.get(function, "MemorySize", 128) / 1024
    arm = "arm64" in str(function.properties.get("Architectures", ""))

    def calls(usage: Usage) -> float:
        """Those of the minutes in which images arrive; its rule goes on through the others, for some cents a month."""
        return usage.profile.peak.hours * 60 if usage.images else 0.0

    for price, what, amount in (
        ("lambda.request", "calls of the function that starts them", calls),
        (
            "lambda.arm" if arm else "lambda.x86",
            "time of the function that starts them",
            lambda usage: calls(usage) * usage.of(usage.profile.base.function_s) * memory_gb,
        ),
    ):
        yield Meter(
            component="burst workers", what=what, resource=function, price=price, amount=amount, driver=Driver.IMAGES
        )


def schedules(reading: Reading, schedule: Resource) -> Iterator[Meter]:
    """A task that comes by the clock."""
    written = reading.text(schedule, schedule.properties.get("ScheduleExpression"), "ScheduleExpression")
    match = _RATE.fullmatch(written)
    every_h = int(match[1]) * _HOURS[match[2]] if match else 24.0
    runs = HOURS_PER_MONTH / every_h
    yield Meter(
        component="maintenance",
        what="invocations of the schedule",
        resource=schedule,
        price="schedule",
        amount=always(runs),
    )
    task = _task_of(reading, schedule)
    if task is not None:

        def hours(usage: Usage) -> float:
            """Fargate charges for a minute at least."""
            return runs * max(60.0, usage.of(usage.profile.base.sweep_s)) / 3600

        yield from _fargate(
            reading, schedule, task, _Running(component="maintenance", hours=hours, driver=Driver.FIXED)
        )


def requests_per_minute(usage: Usage) -> float:
    """Calls of the web tier while images arrive."""
    images = usage.images * usage.of(usage.profile.images.requests) / (usage.profile.peak.hours * 60)
    return images + usage.of(usage.profile.base.requests) / (HOURS_PER_MONTH * 60)


def launch_data(reading: Reading, group: Resource) -> dict[str, Value]:
    """What a group's launch template says."""
    template = reading.behind(group, dict(group.properties), "AWS::EC2::LaunchTemplate")
    data = template.properties.get("LaunchTemplateData") if template is not None else None
    return data if isinstance(data, dict) else {}


def instance_type(reading: Reading, group: Resource) -> str:
    """What a group starts; the first choice of several."""
    overrides = dictionaries(below(dict(group.properties), "MixedInstancesPolicy", "LaunchTemplate", "Overrides"))
    if overrides:
        return reading.text(group, overrides[0].get("InstanceType"), "InstanceType")
    return reading.text(group, launch_data(reading, group).get("InstanceType"), "InstanceType")


def spot_share(reading: Reading, group: Resource) -> float:
    """Share of a group's instances that are Spot, above its base of instances on demand."""
    key = "OnDemandPercentageAboveBaseCapacity"
    on_demand = below(dict(group.properties), "MixedInstancesPolicy", "InstancesDistribution", key)
    return 1 - min(100.0, reading.number(group, on_demand, key, 100)) / 100


@dataclass(frozen=True, kw_only=True)
class _Running:
    """Hours of instances or tasks, and what they are there for."""

    component: str
    hours: Amount
    driver: Driver
    alone: float = 1.0

    def meter(self, resource: Resource, what: str, price: str, each: float, factor: Amount | None = None) -> Meter:
        """So many units for each hour."""
        hours, paid = self.hours, factor
        meter = Meter(
            component=self.component,
            what=what,
            resource=resource,
            price=price,
            amount=lambda usage: hours(usage) * each,
            driver=self.driver,
            alone=self.alone,
        )
        return meter if paid is None else replace(meter, factor=paid)


def _instances(reading: Reading, group: Resource, running: _Running) -> Iterator[Meter]:
    data, price, spot = launch_data(reading, group), f"ec2.{instance_type(reading, group)}", spot_share(reading, group)
    which = "added for the work" if running.driver is Driver.IMAGES else "always there"
    yield running.meter(group, f"instances {which}", price, 1 - spot)
    yield running.meter(group, f"Spot instances {which}", price, spot, _spot_price)
    size = sum(
        reading.number(group, below(device, "Ebs", "VolumeSize"), "VolumeSize")
        for device in dictionaries(data.get("BlockDeviceMappings"))
        if "Ebs" in device
    )
    if size:
        yield running.meter(group, f"volumes of instances {which}", "ebs.gp3", size / HOURS_PER_MONTH)
    if str(below(data, "Monitoring", "Enabled")).lower() == "true":
        each = _DETAILED_METRICS / HOURS_PER_MONTH
        yield running.meter(group, f"detailed monitoring of instances {which}", "metric", each)


def _spot_price(usage: Usage) -> float:
    return usage.of(usage.profile.peak.spot_price)


def _fargate(reading: Reading, resource: Resource, task: Resource, running: _Running) -> Iterator[Meter]:
    arm = below(dict(task.properties), "RuntimePlatform", "CpuArchitecture") == "ARM64"
    family = "fargate.arm" if arm else "fargate"
    size = below(dict(task.properties), "EphemeralStorage", "SizeInGiB")
    extra_gb = max(0.0, reading.number(task, size, "SizeInGiB", FREE_STORAGE_GB) - FREE_STORAGE_GB)
    yield running.meter(resource, "vCPUs of tasks", f"{family}.vcpu", _vcpus(reading, task))
    yield running.meter(resource, "memory of tasks", f"{family}.memory", reading.get(task, "Memory") / 1024)
    if extra_gb:
        yield running.meter(resource, "storage of tasks", "fargate.storage", extra_gb)


def _base(component: str, count: float) -> _Running:
    """What is there all month."""
    hours = always(count * HOURS_PER_MONTH)
    return _Running(component=component, hours=hours, driver=Driver.FIXED, alone=_alone(count))


def _alone(count: float) -> float:
    """One zone needs one of what is there to survive the loss of another."""
    return 1 / count if count > 1 else 1.0


def _vcpus(reading: Reading, task: Resource) -> float:
    return max(reading.get(task, "Cpu") / 1024, 0.25)


def _group_of(reading: Reading, service: Resource) -> Resource | None:
    strategy = service.properties.get("CapacityProviderStrategy")
    return reading.behind(service, strategy, "AWS::AutoScaling::AutoScalingGroup")


def _task_of(reading: Reading, resource: Resource) -> Resource | None:
    return next(
        (
            reading.assembly.resources[address]
            for address in sorted(resource.targets)
            if address in reading.assembly.resources
            and reading.assembly.resources[address].kind == "AWS::ECS::TaskDefinition"
        ),
        None,
    )


def _requests_per_target(reading: Reading) -> float:
    for policy in reading.assembly.of_kind("AWS::ApplicationAutoScaling::ScalingPolicy"):
        tracking = policy.properties.get("TargetTrackingScalingPolicyConfiguration")
        if isinstance(tracking, dict) and "ALBRequestCountPerTarget" in str(
            tracking.get("PredefinedMetricSpecification")
        ):
            return reading.number(policy, tracking.get("TargetValue"), "TargetValue")
    return 0.0
