"""Prices of single machines by the hour, for whoever counts machines instead of bills."""

from audit.cost.model import HOURS_PER_MONTH
from audit.cost.prices import PriceTable

FREE_STORAGE_GB = 20.0
"""Storage of a Fargate task that is part of its price; https://aws.amazon.com/fargate/pricing/."""


def instance_usd_per_hour(prices: PriceTable, instance_type: str) -> float:
    """An instance on demand, without its volume.

    Raises:
        AuditError: the table has no such row.
    """
    return prices.usd(f"ec2.{instance_type}")


def volume_usd_per_hour(prices: PriceTable, size_gb: float) -> float:
    """A gp3 volume of this size."""
    return prices.usd("ebs.gp3") * size_gb / HOURS_PER_MONTH


def fargate_usd_per_hour(
    prices: PriceTable, *, vcpus: float, memory_gib: float, storage_gib: float = FREE_STORAGE_GB, arm: bool = False
) -> float:
    """A task on Fargate.

    Raises:
        AuditError: the table has no such row.
    """
    family = "fargate.arm" if arm else "fargate"
    compute = vcpus * prices.usd(f"{family}.vcpu") + memory_gib * prices.usd(f"{family}.memory")
    extra_gb = max(0.0, storage_gib - FREE_STORAGE_GB)
    return compute + (extra_gb * prices.usd("fargate.storage") if extra_gb else 0.0)
