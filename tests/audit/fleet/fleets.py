"""Small fleets whose behaviour can be reckoned by hand."""

from dataclasses import replace

from audit.fleet.assumptions import Assumption, Assumptions, read_assumptions
from audit.fleet.metric_math import Expression
from audit.fleet.model import (
    Alarm,
    Burst,
    Fleet,
    Instances,
    Metric,
    Missing,
    Queue,
    Signal,
    Step,
    Stepping,
    Task,
    Tracking,
)
from audit.fleet.service_times import Times
from audit.fleet.simulation import Settings

QUEUE = Queue(visibility_s=900, max_receives=3, retention_s=345_600)
TASK = Task(vcpus=2, memory_gib=4, processes=2, time_limit_s=600, stop_timeout_s=120)
_LINES = [
    ("outstanding", "visible + in_flight"),
    ("workers", "MAX([FILL(running, 0), FILL(desired, 0)])"),
    ("backlog", "IF(workers > 0, outstanding / workers, outstanding)"),
    ("unattended", "IF(outstanding > 0 AND FILL(desired, 0) < 1, 1, 0)"),
]
_SIGNALS = {
    "visible": Signal.VISIBLE,
    "in_flight": Signal.IN_FLIGHT,
    "running": Signal.RUNNING,
    "desired": Signal.DESIRED,
}


def metric(result: str) -> Metric:
    """The platform's metric math."""
    known = list(_SIGNALS)
    expressions = []
    for name, text in _LINES:
        expressions.append((name, Expression.parse(text, known)))
        known.append(name)
    return Metric(signals=_SIGNALS, expressions=tuple(expressions), result=result)


TRACKING = Tracking(metric=metric("backlog"), target=10, out_cooldown_s=60, in_cooldown_s=300, scales_in=True)
FIRST = Stepping(
    alarm=Alarm(
        metric=metric("unattended"), comparison=">=", threshold=1, periods=1, needed=1, missing=Missing.NOT_BREACHING
    ),
    steps=(Step(lower=0, upper=None, change=1),),
    exact=False,
    cooldown_s=120,
)


def instances(least: int = 0, most: int = 8, *, processes: int = 2) -> Instances:
    """A group that follows the backlog."""
    return Instances(
        task=replace(TASK, processes=processes),
        instance_type="c7i.large",
        architecture="X86_64",
        least=least,
        most=most,
        least_tasks=least,
        most_tasks=most,
        step_least=1,
        step_most=most,
        warm_up_s=120,
        on_demand_base=0,
        spot_share=0,
        drains_spot=True,
        disk_gib=30,
        tracking=(TRACKING,),
        stepping=(FIRST,),
    )


def burst(most: int = 10, *, base: int = 0) -> Burst:
    """Tasks for ten images each."""
    alarm = Alarm(
        metric=metric("outstanding"), comparison=">", threshold=base, periods=1, needed=1, missing=Missing.NOT_BREACHING
    )
    return Burst(
        task=TASK, architecture="X86_64", images_per_task=10, base_images=base, most=most, every_s=60, alarm=alarm
    )


def fleet(group: Instances | None = None, tasks: Burst | None = None, *, queue: Queue = QUEUE) -> Fleet:
    """A fleet in two zones."""
    return Fleet(
        name="test", origin="by hand", region="eu-west-1", zones=("a", "b"), queue=queue, instances=group, burst=tasks
    )


def standing(workers: int, *, processes: int = 2, queue: Queue = QUEUE) -> Fleet:
    """So many workers, always."""
    return fleet(instances(workers, workers, processes=processes), queue=queue)


def settings(seconds: float | Times = 10.0, *, seed: int = 1, aggregated: bool = False, **assumed: float) -> Settings:
    """Every image takes so long; assumptions are their likely values."""
    times = Times.of([seconds] * 1000) if isinstance(seconds, float) else seconds
    known = read_assumptions()
    fixed = {name: Assumption(value=each.likely, why="likely") for name, each in known}
    assumptions = Assumptions.model_validate(fixed).with_values(assumed)
    return Settings(assumptions=assumptions, on_instances=times, on_fargate=times, seed=seed, aggregated=aggregated)
