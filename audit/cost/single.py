"""The rival: one server with everything on it, priced by the same table for the same month."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly
from audit.cost.compute import Workers, read_workers
from audit.cost.meter import Reading
from audit.cost.model import HOURS_PER_MONTH, Estimate, Level, Range
from audit.cost.prices import PriceTable
from audit.cost.profile import Profile

INSTANCE = "t3.medium"
VCPUS = 2.0
BASELINE_VCPUS = 0.4
"""What a t3.medium may use all the time: 20 % of each of its two vCPUs; what is more is charged.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html.
"""

SYSTEM_GB = 30.0
"""Its operating system and software."""

BATCH = 10_000
"""Images of one job, to compare how long it takes."""

SAME_FOR_BOTH = ("archive of originals", "files in work", "downloads")
"""Components of the design that one server would need as well: files in S3 and what goes to the internet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of its bill, with what is assumed."""

    what: str
    cost: Range
    assumption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleServer:
    """One server.

    Attributes:
        parts: its bill of a month.
        work_vcpu_hours: what the month's images need.
        capacity_vcpu_hours: what it has in a month, with no pause.
        batch_hours: hours for ten thousand images, on it and on all workers that the design may start.
    """

    parts: tuple[Part, ...]
    work_vcpu_hours: Range
    capacity_vcpu_hours: float
    batch_hours: Range
    batch_hours_of_design: Range

    @property
    def total(self) -> Range:
        """USD a month."""
        return Range.total(part.cost for part in self.parts)

    @property
    def can_do_it(self) -> bool:
        """Whether the month's images are expected to fit into the month."""
        return self.work_vcpu_hours.expected <= self.capacity_vcpu_hours


def single_server(assembly: Assembly, profile: Profile, prices: PriceTable, design: Estimate) -> SingleServer:
    """Price one server for what the design does.

    Raises:
        AuditError: a price is missing.
    """
    reading = Reading(assembly, {})
    workers = read_workers(reading)
    work = Range(*(_work_hours(profile, level) for level in Level))
    seconds = Range(*(profile.usage(level).of(profile.images.vcpu_s) for level in Level))
    batch = seconds * (BATCH / 3600)
    return SingleServer(
        parts=tuple(_parts(reading, prices, design, work)),
        work_vcpu_hours=work,
        capacity_vcpu_hours=VCPUS * HOURS_PER_MONTH,
        batch_hours=batch * (1 / VCPUS),
        batch_hours_of_design=batch * (1 / _most_vcpus(workers)),
    )


def _parts(reading: Reading, prices: PriceTable, design: Estimate, work: Range) -> Iterator[Part]:
    databases = reading.assembly.of_kind("AWS::RDS::DBInstance")
    disk_gb = SYSTEM_GB + sum(reading.get(database, "AllocatedStorage", 0) for database in databases)
    hours = HOURS_PER_MONTH
    yield _certain("one " + INSTANCE, prices.usd(f"ec2.{INSTANCE}") * hours, "all month, on demand")
    beyond = Range(*(min(max(0.0, work.at(level) - BASELINE_VCPUS * hours), VCPUS * hours) for level in Level))
    yield Part(
        what="processor time beyond its baseline",
        cost=beyond * prices.usd("credits.t3"),
        assumption=f"at least: {BASELINE_VCPUS} vCPUs all month are part of its price, but credits lapse after a day",
    )
    yield _certain(
        "disk", prices.usd("ebs.gp3") * disk_gb, f"{disk_gb:.0f} GB gp3: as large as the database, and itself"
    )
    yield _certain("snapshots", prices.usd("ebs.snapshot") * disk_gb, "one full copy; changes come on top")
    yield _certain("public address", prices.usd("address.hour") * hours, "one")
    shared = Range.total(line.cost for line in design.lines if line.component in SAME_FOR_BOTH)
    yield Part(what="files in S3, downloads", cost=shared, assumption="the same as in the design")


def _certain(what: str, usd: float, assumption: str) -> Part:
    return Part(what=what, cost=Range(usd, usd, usd), assumption=assumption)


def _work_hours(profile: Profile, level: Level) -> float:
    """vCPU-hours without any idle time: the server is paid for anyway."""
    usage = profile.usage(level)
    return usage.images * usage.of(profile.images.vcpu_s) / 3600


def _most_vcpus(workers: Workers) -> float:
    """At least one: templates without workers are compared as if one did the work."""
    return max(workers.most_vcpus, 1.0)
