"""Ways in and out: load balancers, NAT gateways, endpoints, addresses, the firewall, and the records of the network."""

from collections.abc import Iterator

from audit.assembly import Resource, Value
from audit.cost.meter import Amount, Meter, Reading, always
from audit.cost.model import HOURS_PER_MONTH, Driver
from audit.cost.profile import Usage


def gateways(reading: Reading, gateway: Resource) -> Iterator[Meter]:
    """A NAT gateway, its address, and its share of what goes through all of them."""
    all_of_them = list(reading.assembly.of_kind("AWS::EC2::NatGateway"))
    alone = 1.0 if gateway.address == all_of_them[0].address else 0.0
    share = 1 / len(all_of_them)
    covered = endpoint_services(reading)
    yield Meter(
        component="NAT gateways",
        what="gateway",
        resource=gateway,
        price="nat.hour",
        amount=always(HOURS_PER_MONTH),
        alone=alone,
    )
    yield Meter(
        component="NAT gateways",
        what="data of services without an endpoint, and of the rest of the world",
        resource=gateway,
        price="nat.gb",
        amount=lambda usage: share * nat_gb(usage, covered),
    )
    if "s3" not in covered:
        yield Meter(
            component="NAT gateways",
            what="files between workers and S3, which has no gateway endpoint",
            resource=gateway,
            price="nat.gb",
            amount=lambda usage: share * s3_gb(usage),
            driver=Driver.IMAGES,
        )


def addresses(reading: Reading, address: Resource) -> Iterator[Meter]:
    """A public address; that of a second NAT gateway is there for the second zone."""
    all_of_them = list(reading.assembly.of_kind("AWS::EC2::EIP"))
    yield Meter(
        component="NAT gateways",
        what="public address",
        resource=address,
        price="address.hour",
        amount=always(HOURS_PER_MONTH),
        alone=1.0 if address.address == all_of_them[0].address else 0.0,
    )


def endpoints(_: Reading, endpoint: Resource) -> Iterator[Meter]:
    """An interface endpoint: one interface in each of its subnets. Gateway endpoints cost nothing."""
    if endpoint.properties.get("VpcEndpointType") != "Interface":
        return
    zones = max(1, _count(endpoint.properties.get("SubnetIds")))
    service = service_of(endpoint)
    yield Meter(
        component="interface endpoints",
        what=f"{service} in {zones} zones",
        resource=endpoint,
        price="endpoint.hour",
        amount=always(zones * HOURS_PER_MONTH),
        alone=1 / zones,
    )
    yield Meter(
        component="interface endpoints",
        what=f"data to {service}",
        resource=endpoint,
        price="endpoint.gb",
        amount=lambda usage: service_gb(usage, service),
    )


def load_balancers(_: Reading, balancer: Resource) -> Iterator[Meter]:
    """An application load balancer: hours, capacity units, an address in each zone, and what it sends out."""
    zones = max(1, _count(balancer.properties.get("Subnets")))
    yield Meter(
        component="load balancer",
        what="load balancer",
        resource=balancer,
        price="alb.hour",
        amount=always(HOURS_PER_MONTH),
    )
    if balancer.properties.get("Scheme", "internet-facing") == "internet-facing":
        yield Meter(
            component="load balancer",
            what=f"public addresses in {zones} zones",
            resource=balancer,
            price="address.hour",
            amount=always(zones * HOURS_PER_MONTH),
            alone=1 / zones,
        )
    for driver, requests in ((Driver.FIXED, base_requests), (Driver.IMAGES, image_requests)):
        for what, price, amount in (
            ("capacity units", "alb.lcu", _capacity_units(requests)),
            ("answers to the internet", "egress.gb", _answers_gb(requests)),
        ):
            yield Meter(
                component="load balancer", what=what, resource=balancer, price=price, amount=amount, driver=driver
            )


def firewalls(_: Reading, acl: Resource) -> Iterator[Meter]:
    """A web ACL, its rules, and the requests that pass it."""
    yield Meter(component="firewall", what="web ACL", resource=acl, price="waf.acl", amount=always(1))
    yield Meter(
        component="firewall",
        what="rules",
        resource=acl,
        price="waf.rule",
        amount=always(_count(acl.properties.get("Rules"))),
    )
    for driver, requests in ((Driver.FIXED, base_requests), (Driver.IMAGES, image_requests)):
        yield Meter(
            component="firewall", what="requests", resource=acl, price="waf.request", amount=requests, driver=driver
        )


def _answers_gb(requests: Amount) -> Amount:
    return lambda usage: requests(usage) * usage.of(usage.profile.base.request_kb) / 1e6


def _capacity_units(requests: Amount) -> Amount:
    """The dearer of two dimensions of a unit: a gigabyte, or 25 new connections a second for an hour.

    Source: https://aws.amazon.com/elasticloadbalancing/pricing/, every request as a connection of its own.
    """
    gigabytes = _answers_gb(requests)
    return lambda usage: max(gigabytes(usage), requests(usage) / (25 * 3600))


def base_requests(usage: Usage) -> float:
    """Calls of the web tier that belong to no image."""
    return usage.of(usage.profile.base.requests)


def image_requests(usage: Usage) -> float:
    """Calls of the web tier for images."""
    return usage.images * usage.of(usage.profile.images.requests)


def s3_gb(usage: Usage) -> float:
    """What workers read and write: the original in, its renditions out; S3 copies originals to the vault by itself."""
    images = usage.profile.images
    return usage.images * (usage.of(images.original_mb) + usage.of(images.renditions_mb)) / 1000


def service_gb(usage: Usage, service: str) -> float:
    """Data to an AWS service; none where the profile knows of none."""
    amount = usage.profile.base.service_gb.get(service)
    return usage.of(amount) if amount is not None else 0.0


def nat_gb(usage: Usage, covered: frozenset[str]) -> float:
    """Data through NAT, of which services with an endpoint are no part."""
    through = sum(service_gb(usage, name) for name in usage.profile.base.service_gb if name not in covered)
    return usage.of(usage.profile.base.nat_gb) + through


def endpoint_services(reading: Reading) -> frozenset[str]:
    """Services that are reached through an endpoint."""
    return frozenset(service_of(endpoint) for endpoint in reading.assembly.of_kind("AWS::EC2::VPCEndpoint"))


def service_of(endpoint: Resource) -> str:
    """The service of an endpoint, as AWS names it after the region: `ecr.api`."""
    return str(endpoint.properties.get("ServiceName")).split(".", 3)[-1]


def _count(value: Value) -> int:
    return len(value) if isinstance(value, list) else 0
