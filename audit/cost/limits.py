"""What scaling may cost: every group of instances, and the burst, at its least and at its most all month long."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Address, Assembly, Resource
from audit.cost.compute import instance_type, read_workers
from audit.cost.meter import Reading, below
from audit.cost.model import HOURS_PER_MONTH
from audit.cost.prices import PriceTable
from audit.cost.rates import FREE_STORAGE_GB, fargate_usd_per_hour
from audit.errors import AuditError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One thing that scales.

    Attributes:
        what: what there is more or less of.
        least, most: how many there may be.
        usd_per_month: one of them all month, on demand, an instance without its volume.
    """

    what: str
    resource: Address
    path: str
    least: float
    most: float
    usd_per_month: float

    @property
    def least_usd(self) -> float:
        """A month in which nothing is ever added."""
        return self.least * self.usd_per_month

    @property
    def most_usd(self) -> float:
        """A month in which everything runs all the time."""
        return self.most * self.usd_per_month


def limits(assembly: Assembly, prices: PriceTable) -> tuple[Limit, ...]:
    """Everything that scales.

    Raises:
        AuditError: a price is missing, or a number that only a deployment knows.
    """
    reading = Reading(assembly, {})
    found = tuple(_limits(reading, prices))
    if reading.problems:
        raise AuditError(sorted(set(reading.problems)))
    return found


def _limits(reading: Reading, prices: PriceTable) -> Iterator[Limit]:
    for group in reading.assembly.of_kind("AWS::AutoScaling::AutoScalingGroup"):
        kind = instance_type(reading, group)
        yield Limit(
            what=f"instances {kind}",
            resource=group.address,
            path=group.path,
            least=reading.get(group, "MinSize", 0),
            most=reading.get(group, "MaxSize", 0),
            usd_per_month=prices.usd(f"ec2.{kind}") * HOURS_PER_MONTH if kind else 0.0,
        )
    workers = read_workers(reading)
    if workers.burst is not None and workers.burst_task is not None:
        yield Limit(
            what=f"burst workers with {workers.burst_vcpus:g} vCPUs on Fargate",
            resource=workers.burst.address,
            path=workers.burst.path,
            least=0.0,
            most=workers.most_bursts,
            usd_per_month=_task_usd_per_hour(reading, workers.burst_task, prices) * HOURS_PER_MONTH,
        )


def _task_usd_per_hour(reading: Reading, task: Resource, prices: PriceTable) -> float:
    properties = dict(task.properties)
    size = below(properties, "EphemeralStorage", "SizeInGiB")
    return fargate_usd_per_hour(
        prices,
        vcpus=reading.get(task, "Cpu") / 1024,
        memory_gib=reading.get(task, "Memory") / 1024,
        storage_gib=reading.number(task, size, "SizeInGiB", FREE_STORAGE_GB),
        arm=below(properties, "RuntimePlatform", "CpuArchitecture") == "ARM64",
    )
