"""Ways to AWS services compared: NAT, which is paid by the gigabyte, against endpoints, which are paid by the hour."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly
from audit.cost.meter import Reading
from audit.cost.model import HOURS_PER_MONTH, Level, Range
from audit.cost.network import s3_gb, service_gb, service_of
from audit.cost.prices import PriceTable
from audit.cost.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One service.

    Attributes:
        zones: interfaces of its endpoint; 0 for a gateway endpoint, which is free.
        endpoint: whether the templates have one.
        gb: data in a month.
        by_endpoint, by_nat: USD in a month for this data, the NAT gateway's hours left out: it is there anyway.
        break_even_gb: from this much data in a month on the endpoint is the cheaper way; None when it never is.
    """

    service: str
    zones: int
    endpoint: bool
    gb: Range
    by_endpoint: Range
    by_nat: Range
    break_even_gb: float | None

    @property
    def cheaper(self) -> str:
        """`endpoint` or `NAT` for the data that is expected."""
        return "endpoint" if self.by_endpoint.expected <= self.by_nat.expected else "NAT"


def ways(assembly: Assembly, profile: Profile, prices: PriceTable) -> tuple[Way, ...]:
    """S3 first, then every service that has an endpoint or that the profile sends data to.

    Raises:
        AuditError: a price is missing.
    """
    return tuple(_ways(Reading(assembly, {}), profile, prices))


def _ways(reading: Reading, profile: Profile, prices: PriceTable) -> Iterator[Way]:
    nat_usd = prices.usd("nat.gb")
    usages = [profile.usage(level) for level in Level]
    endpoints = {service_of(found): found for found in reading.assembly.of_kind("AWS::EC2::VPCEndpoint")}
    files = Range(*map(s3_gb, usages))
    yield Way(
        service="s3",
        zones=0,
        endpoint="s3" in endpoints,
        gb=files,
        by_endpoint=Range(),
        by_nat=files * nat_usd,
        break_even_gb=0.0,
    )
    hour_usd, gb_usd = prices.usd("endpoint.hour"), prices.usd("endpoint.gb")
    interface = [found for found in endpoints.values() if found.properties.get("VpcEndpointType") == "Interface"]
    usual = max((_zones(found.properties.get("SubnetIds")) for found in interface), default=1)
    for service in sorted({*endpoints, *profile.base.service_gb} - {"s3"}):
        zones = _zones(endpoints[service].properties.get("SubnetIds")) if service in endpoints else usual
        gb = Range(*(service_gb(usage, service) for usage in usages))
        fixed = zones * HOURS_PER_MONTH * hour_usd
        yield Way(
            service=service,
            zones=zones,
            endpoint=service in endpoints,
            gb=gb,
            by_endpoint=Range(fixed, fixed, fixed) + gb * gb_usd,
            by_nat=gb * nat_usd,
            break_even_gb=fixed / (nat_usd - gb_usd) if nat_usd > gb_usd else None,
        )


def _zones(subnets: object) -> int:
    return max(1, len(subnets)) if isinstance(subnets, list) else 1
