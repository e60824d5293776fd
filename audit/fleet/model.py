"""A fleet of workers as the templates describe it: what the simulation needs to know, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from audit.fleet.metric_math import Expression, Number


class Strategy(StrEnum):
    """What develops images: instances, Fargate tasks, or both."""

    EC2 = "ec2"
    FARGATE = "fargate"
    HYBRID = "hybrid"


class Signal(StrEnum):
    """Metrics that are known at every minute of a simulation."""

    VISIBLE = "ApproximateNumberOfMessagesVisible"
    IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
    RUNNING = "RunningTaskCount"
    DESIRED = "DesiredTaskCount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Metric math: signals by id, then expressions in order; the last line of all is the result."""

    signals: Mapping[str, Signal]
    expressions: tuple[tuple[str, Expression], ...]
    result: str

    def value(self, signals: Mapping[Signal, Number]) -> Number:
        """The result of one minute."""
        lines: dict[str, Number] = {name: signals[signal] for name, signal in self.signals.items()}
        for name, expression in self.expressions:
            lines[name] = expression.value(lines)
        return lines[self.result]


class Missing(StrEnum):
    """What an alarm makes of a minute without a data point."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A CloudWatch alarm with a period of one minute.

    Attributes:
        comparison: one of `>`, `>=`, `<`, `<=`.
        periods, needed: of the last so many minutes, how many have to breach.
    """

    metric: Metric
    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: Missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """Target tracking: keep a metric that falls as tasks are added at a value."""

    metric: Metric
    target: float
    out_cooldown_s: float
    in_cooldown_s: float
    scales_in: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: from `lower` to `upper` above the alarm's threshold, this change."""

    lower: float | None
    upper: float | None
    change: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepping:
    """Step scaling, started by an alarm."""

    alarm: Alarm
    steps: tuple[Step, ...]
    exact: bool
    cooldown_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The job queue.

    Attributes:
        visibility_s: a message that was received is hidden for so long.
        max_receives: after so many receives it goes to the dead-letter queue.
        retention_s: older messages are deleted.
    """

    visibility_s: float
    max_receives: int
    retention_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A worker's task.

    Attributes:
        processes: images that it develops at a time.
        time_limit_s: of one image.
        stop_timeout_s: from SIGTERM until it is killed.
    """

    vcpus: float
    memory_gib: float
    processes: int
    time_limit_s: float
    stop_timeout_s: float
    disk_gib: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """Workers on instances: an ECS service with one task an instance, and the group that its capacity provider scales.

    Attributes:
        least, most: instances of the group.
        least_tasks, most_tasks: of the service's scaling.
        step_least, step_most: instances that the capacity provider asks for at a time.
        warm_up_s: from the start of an instance until the capacity provider counts it.
        on_demand_base: instances that are never Spot; above them `spot_share` of them are.
        drains_spot: whether tasks are told to stop before EC2 takes a Spot instance back.
    """

    task: Task
    instance_type: str
    architecture: str
    least: int
    most: int
    least_tasks: int
    most_tasks: int
    step_least: int
    step_most: int
    warm_up_s: float
    on_demand_base: int
    spot_share: float
    drains_spot: bool
    disk_gib: float
    tracking: tuple[Tracking, ...]
    stepping: tuple[Stepping, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Fargate tasks that a function starts for a backlog above a base; they end when the queue is empty.

    Attributes:
        images_per_task, base_images, most: the function's settings.
        every_s: of its schedule.
        alarm: whose change of state starts it at once, if there is one.
    """

    task: Task
    architecture: str
    images_per_task: int
    base_images: int
    most: int
    every_s: float
    alarm: Alarm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Everything that develops the images of one environment.

    Attributes:
        origin: where it comes from, for people: the assembly, or what was changed in it.
        zones: names of the availability zones that tasks run in.
    """

    name: str
    origin: str
    region: str
    zones: tuple[str, ...]
    queue: Queue
    instances: Instances | None
    burst: Burst | None

    @property
    def strategy(self) -> Strategy:
        """Which kinds of workers there are."""
        if self.instances is None:
            return Strategy.FARGATE
        return Strategy.EC2 if self.burst is None else Strategy.HYBRID

    @property
    def most_processes(self) -> int:
        """Images that are developed at a time when everything runs."""
        on_instances = 0
        if self.instances:
            on_instances = self.instances.task.processes * min(self.instances.most, self.instances.most_tasks)
        return on_instances + (self.burst.task.processes * self.burst.most if self.burst else 0)


def missing_tasks(*, outstanding: int, base_images: int, images_per_task: int, live: int, most: int) -> int:
    """Tasks that the burst function starts: a model of lambda/burst/decision.py, which a test holds against it."""
    wanted = min(most, -(-max(0, outstanding - base_images) // images_per_task))
    return max(0, wanted - live)
