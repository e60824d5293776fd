"""The fleets that are compared: the environment's own, and what it would be with another strategy."""

import math
from dataclasses import replace

from audit.fleet.model import Burst, Fleet


def alternatives(fleet: Fleet) -> list[Fleet]:
    """The environment's own fleet first, then those that can be derived from its templates.

    A hybrid environment says of both kinds of worker what they are. Either alone gets as many as it needs to develop
    as many images at a time as both together can, so that what is compared is the kind and not the limit.
    """
    if fleet.instances is None or fleet.burst is None:
        return [fleet]
    return [fleet, without_burst(fleet), without_instances(fleet)]


def without_burst(fleet: Fleet) -> Fleet:
    """Instances alone."""
    instances = fleet.instances
    if instances is None:
        raise ValueError("a fleet without instances and without a burst is none")
    most = math.ceil(fleet.most_processes / instances.task.processes)
    grown = replace(instances, most=most, most_tasks=most, step_most=max(instances.step_most, min(most, 100)))
    return replace(
        fleet,
        origin=f"{fleet.name} without its burst, up to {most} instances: as many processes as both together",
        instances=grown,
        burst=None,
    )


def without_instances(fleet: Fleet) -> Fleet:
    """Fargate tasks alone: they begin with the first image."""
    if fleet.burst is None:
        raise ValueError("a fleet without instances and without a burst is none")
    most = math.ceil(fleet.most_processes / fleet.burst.task.processes)
    return replace(
        fleet,
        origin=f"{fleet.name} without its instances, up to {most} Fargate tasks: as many processes as both together",
        instances=None,
        burst=_from_the_first(fleet.burst, most),
    )


def _from_the_first(burst: Burst, most: int) -> Burst:
    alarm = replace(burst.alarm, threshold=0.0) if burst.alarm else None
    return replace(burst, most=most, base_images=0, alarm=alarm)
