"""What a simulated fleet costs: the time of its machines and the requests of its images, at list prices."""

from dataclasses import dataclass

from audit.cost.prices import PriceTable
from audit.cost.rates import fargate_usd_per_hour, instance_usd_per_hour, volume_usd_per_hour
from audit.fleet.model import Burst, Fleet, Instances
from audit.fleet.simulation import Outcome

SPOT_SHARE_OF_PRICE = 0.5
"""What is paid for a Spot instance, as a share of the price on demand: an assumption, as in `audit cost`'s profiles."""
_SQS_REQUESTS_PER_IMAGE = 3.0
"""Sent, received, deleted. Extensions of visibility come ten at a time, and only for images that take minutes."""
_POLL_S = 5.0
_PUTS_PER_IMAGE, _GETS_PER_IMAGE = 4.0, 2.0
"""Three renditions and the copy into the vault; the original and its header."""
_FUNCTION_GB, _FUNCTION_S = 0.25, 1.0
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """USD of one outcome.

    Attributes:
        standing: what the least number of instances costs over the simulated time, work or not; part of `instances`.
        requests: SQS, S3 and the burst function.
    """

    instances: float
    standing: float
    burst: float
    requests: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.instances + self.burst + self.requests


def price(fleet: Fleet, outcome: Outcome, table: PriceTable) -> Cost:
    """The cost of an outcome.

    Raises:
        AuditError: the table has no price for something that was used.
    """
    paid = outcome.record.paid
    instances = standing = burst = 0.0
    if fleet.instances is not None:
        hourly, disk = _instance_usd(fleet.instances, table)
        on_demand_h, spot_h = (paid[kind] / _HOUR_S for kind in ("instance/on-demand", "instance/spot"))
        instances = on_demand_h * hourly + spot_h * hourly * SPOT_SHARE_OF_PRICE + (on_demand_h + spot_h) * disk
        standing = fleet.instances.least * outcome.horizon_s / _HOUR_S * (hourly + disk)
    if fleet.burst is not None:
        burst = paid["burst"] / _HOUR_S * _task_usd(fleet.burst, table)
    return Cost(instances=instances, standing=standing, burst=burst, requests=_requests(fleet, outcome, table))


def process_hours_usd(fleet: Fleet, table: PriceTable) -> tuple[float | None, float | None]:
    """What an hour of one process costs on an instance on demand and on Fargate; None where there is none.

    Raises:
        AuditError: the table has no such price.
    """
    on_instances = on_fargate = None
    if fleet.instances is not None:
        on_instances = sum(_instance_usd(fleet.instances, table)) / fleet.instances.task.processes
    if fleet.burst is not None:
        on_fargate = _task_usd(fleet.burst, table) / fleet.burst.task.processes
    return on_instances, on_fargate


def _task_usd(burst: Burst, table: PriceTable) -> float:
    task = burst.task
    return fargate_usd_per_hour(
        table,
        vcpus=task.vcpus,
        memory_gib=task.memory_gib,
        storage_gib=task.disk_gib,
        arm=burst.architecture == "ARM64",
    )


def _instance_usd(instances: Instances, table: PriceTable) -> tuple[float, float]:
    return instance_usd_per_hour(table, instances.instance_type), volume_usd_per_hour(table, instances.disk_gib)


def _requests(fleet: Fleet, outcome: Outcome, table: PriceTable) -> float:
    idle_s = max(0.0, outcome.record.open_s - outcome.record.busy_s)
    processes = fleet.instances.task.processes if fleet.instances else 1
    sqs = _SQS_REQUESTS_PER_IMAGE * outcome.deliveries + idle_s / processes / _POLL_S
    runs = outcome.record.events["runs of the burst function"]
    function = (
        runs * (table.usd("lambda.request") + _FUNCTION_GB * _FUNCTION_S * table.usd("lambda.arm")) if runs else 0
    )
    storage = outcome.deliveries * (_PUTS_PER_IMAGE * table.usd("s3.put") + _GETS_PER_IMAGE * table.usd("s3.get"))
    return sqs * table.usd("sqs.request") + storage + function
