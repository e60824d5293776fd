"""The plan of a network as the oracle reads it out of templates: who is where, and what guards and routes whom.

Only TCP and IPv4 matter: the oracle opens connections.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from random import Random
from typing import Any

from tests.audit.oracle.templates import Id, Templates, UnreadableError

ANYWHERE = IPv4Network("0.0.0.0/0")
INTERNET, S3 = IPv4Address("198.51.100.10"), IPv4Address("203.0.113.10")
"""Somebody out there, and the service, on networks that are reserved for tests."""
ALL_PORTS = (0, 65_535)
_PORTS = {"mysql": 3306, "postgres": 5432}
_ABOVE_1023, _LINUX = (1024, 65_535), (32_768, 60_999)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a network ACL; the last one has no number."""

    number: int | None
    allow: bool
    block: IPv4Network = ANYWHERE
    ports: tuple[int, int] = ALL_PORTS


@dataclass(frozen=True, kw_only=True)
class Permit:
    """What a security group allows: a block, or the members of a group."""

    ports: tuple[int, int]
    block: IPv4Network | None = None
    group: Id | None = None


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A route. `by` is the NAT gateway, or None for an internet gateway; an endpoint's lane has no block."""

    block: IPv4Network | None
    by: Id | None = None
    internet: bool = False


@dataclass(frozen=True, kw_only=True)
class Area:
    """A subnet."""

    id: Id
    block: IPv4Network
    acl: Id
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, kw_only=True)
class Place:
    """One interface with the address that it has in this run."""

    owner: Id
    area: Id
    groups: frozenset[Id]
    public: bool
    ports: tuple[int, int]
    gateway: bool
    address: IPv4Address = INTERNET
    """Somewhere in the subnet, once it is chosen."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the kernel is given. Lists under True are of egress, under False of ingress."""

    blocks: tuple[IPv4Network, ...]
    areas: dict[Id, Area]
    acls: dict[Id, dict[bool, tuple[Line, ...]]]
    groups: dict[Id, dict[bool, tuple[Permit, ...]]]
    places: tuple[Place, ...]
    names: dict[Id, str]

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port at an edge of a rule, its neighbours, and some that everybody knows."""
        ranges = [line.ports for acl in self.acls.values() for way in acl.values() for line in way]
        ranges += [permit.ports for group in self.groups.values() for way in group.values() for permit in way]
        edges = {edge + step for found in ranges for edge in found for step in (-1, 0, 1)}
        known = {22, 80, 443, 3389, 5432, 6379, 1024, 20_000, 32_768, 45_000, 60_999, 65_535}
        return tuple(sorted(port for port in edges | known if 1 <= port <= ALL_PORTS[1]))


def read_plan(templates: Templates) -> Plan:
    """The plan of the one VPC of some templates."""
    vpcs = dict(templates.of_kind("AWS::EC2::VPC"))
    if len(vpcs) != 1:
        raise UnreadableError(f"the oracle builds one VPC at a time, here are {len(vpcs)}")
    ((vpc, properties),) = vpcs.items()
    areas = dict(_areas(templates, vpc))
    found = sorted(_places(templates, areas, vpc), key=lambda place: (place.owner, place.area, sorted(place.groups)))
    return Plan(
        blocks=(IPv4Network(properties["CidrBlock"]),),
        areas=areas,
        acls=_acls(templates, vpc),
        groups=_groups(templates, vpc),
        places=tuple(_with_addresses(found, areas)),
        names={resource: templates.name(resource) for resource in templates},
    )


def _acls(templates: Templates, vpc: Id) -> dict[Id, dict[bool, tuple[Line, ...]]]:
    lists: dict[Id, dict[bool, list[Line]]] = {vpc: {way: [Line(number=100, allow=True)] for way in (False, True)}}
    for acl, _ in templates.of_kind("AWS::EC2::NetworkAcl"):
        lists[acl] = {False: [], True: []}
    for (stack, _), entry in templates.of_kind("AWS::EC2::NetworkAclEntry"):
        if str(entry["Protocol"]) not in {"-1", "6"} or "CidrBlock" not in entry:
            continue
        ports = entry.get("PortRange") if str(entry["Protocol"]) == "6" else None
        line = Line(
            number=int(entry["RuleNumber"]),
            allow=entry["RuleAction"] == "allow",
            block=IPv4Network(_block(templates, stack, entry["CidrBlock"])),
            ports=(int(ports["From"]), int(ports["To"])) if ports else ALL_PORTS,
        )
        lists[templates.target(stack, entry["NetworkAclId"])][bool(entry.get("Egress"))].append(line)
    rest = Line(number=None, allow=False)
    return {
        acl: {way: (*sorted(lines, key=lambda line: line.number or 0), rest) for way, lines in ways.items()}
        for acl, ways in lists.items()
    }


def _groups(templates: Templates, vpc: Id) -> dict[Id, dict[bool, tuple[Permit, ...]]]:
    out = Permit(ports=ALL_PORTS, block=ANYWHERE)
    groups: dict[Id, dict[bool, tuple[Permit, ...]]] = {
        vpc: {False: (Permit(ports=ALL_PORTS, group=vpc),), True: (out,)}
    }
    for group, properties in templates.of_kind("AWS::EC2::SecurityGroup"):
        written: dict[bool, list[tuple[str, dict[str, Any]]]] = {
            way: [(group[0], entry) for entry in properties.get(f"SecurityGroup{name}", [])]
            for way, name in ((False, "Ingress"), (True, "Egress"))
        }
        for way, name in ((False, "Ingress"), (True, "Egress")):
            for (stack, _), entry in templates.of_kind(f"AWS::EC2::SecurityGroup{name}"):
                if templates.target(stack, entry["GroupId"]) == group:
                    written[way].append((stack, entry))
        groups[group] = {
            way: tuple(permit for stack, entry in entries for permit in _permits(templates, stack, entry))
            for way, entries in written.items()
        }
        # "If you do not specify an egress rule, a default one allows all": CloudFormation, AWS::EC2::SecurityGroup.
        if not written[True]:
            groups[group][True] = (out,)
    return groups


def _permits(templates: Templates, stack: str, entry: dict[str, Any]) -> Iterator[Permit]:
    protocol = str(entry["IpProtocol"]).lower()
    if protocol not in {"-1", "6", "tcp"}:
        return
    first, last = (_port(templates, stack, entry.get(key, -1)) for key in ("FromPort", "ToPort"))
    ports = ALL_PORTS if protocol == "-1" or first == -1 else (first, last)
    for key in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in entry:
            yield Permit(ports=ports, group=templates.target(stack, entry[key]))
    if "CidrIp" in entry:
        yield Permit(ports=ports, block=IPv4Network(_block(templates, stack, entry["CidrIp"])))


def _port(templates: Templates, stack: str, value: Any) -> int:
    """A port as written, or the one of a database."""
    if not isinstance(value, dict):
        return int(value)
    database = templates.properties(templates.target(stack, value))
    return int(database.get("Port", _PORTS[database["Engine"]]))


def _areas(templates: Templates, vpc: Id) -> Iterator[tuple[Id, Area]]:
    guarded, tabled = (
        {
            templates.target(stack, entry["SubnetId"]): templates.target(stack, entry[key])
            for (stack, _), entry in templates.of_kind(f"AWS::EC2::Subnet{kind}Association")
        }
        for kind, key in (("NetworkAcl", "NetworkAclId"), ("RouteTable", "RouteTableId"))
    )
    tables: dict[Id, list[Lane]] = {}
    attached = {
        templates.target(stack, entry["InternetGatewayId"])
        for (stack, _), entry in templates.of_kind("AWS::EC2::VPCGatewayAttachment")
        if "InternetGatewayId" in entry
    }
    for (stack, _), route in templates.of_kind("AWS::EC2::Route"):
        if "DestinationCidrBlock" not in route:
            continue
        block, table = IPv4Network(route["DestinationCidrBlock"]), templates.target(stack, route["RouteTableId"])
        if "NatGatewayId" in route:
            lane = Lane(block=block, by=templates.target(stack, route["NatGatewayId"]))
        elif templates.target(stack, route["GatewayId"]) in attached:
            lane = Lane(block=block, internet=True)
        else:
            continue
        tables.setdefault(table, []).append(lane)
    for (stack, _), endpoint in templates.of_kind("AWS::EC2::VPCEndpoint"):
        if endpoint.get("VpcEndpointType", "Gateway") == "Gateway" and _is_s3(endpoint["ServiceName"]):
            for table in templates.targets(stack, endpoint.get("RouteTableIds", [])):
                tables.setdefault(table, []).append(Lane(block=None))
    for area, properties in templates.of_kind("AWS::EC2::Subnet"):
        lanes = tables.get(tabled[area], []) if area in tabled else []
        block = IPv4Network(properties["CidrBlock"])
        yield area, Area(id=area, block=block, acl=guarded.get(area, vpc), lanes=tuple(lanes))


def _is_s3(service: Any) -> bool:
    return (str(service) if isinstance(service, str) else str(service["Fn::Join"][1][-1])).endswith(".s3")


# What stands between a resource and its subnets and groups, and is none that has an interface itself.
_BETWEEN = {
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::EC2::LaunchTemplate",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::RDS::DBSubnetGroup",
}
_OF_EC2 = {"AWS::EC2::Instance", "AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint"}
_SERVICES = ("AutoScaling", "ECS", "ElastiCache", "ElasticLoadBalancingV2", "Events", "Lambda", "RDS", "Scheduler")


def _places(templates: Templates, areas: dict[Id, Area], vpc: Id) -> Iterator[Place]:
    """Whatever refers to subnets, and is of a service that puts interfaces there."""
    for owner in templates:
        kind, properties = templates.kind(owner), templates.properties(owner)
        if kind in _BETWEEN or not (kind in _OF_EC2 or kind.split("::")[1] in _SERVICES):
            continue
        # A function has interfaces of its own, and starts tasks where its environment says.
        parts = [properties.get("VpcConfig"), properties.get("Environment")] if "Lambda" in kind else [properties]
        for index, part in enumerate(parts):
            found = list(_reached(templates, owner[0], part))
            inside = list(dict.fromkeys(target for target in found if target in areas))
            groups = frozenset(item for item in found if templates.kind(item) == "AWS::EC2::SecurityGroup")
            gateway = kind == "AWS::EC2::NatGateway"
            if "Lambda" in kind and index == 1 and not groups:
                continue
            for area in inside:
                yield Place(
                    owner=owner,
                    area=area,
                    groups=groups if groups or gateway else frozenset({vpc}),
                    public=_is_public(kind, properties, templates.properties(area)),
                    ports=_client_ports(templates, owner, kind, tasks=index == 1),
                    gateway=gateway,
                )


def _reached(templates: Templates, stack: str, value: Any) -> Iterator[Id]:
    for target in templates.targets(stack, value):
        yield target
        if templates.kind(target) in _BETWEEN:
            yield from _reached(templates, target[0], templates.properties(target))


def _is_public(kind: str, properties: dict[str, Any], subnet: dict[str, Any]) -> bool:
    if kind.endswith(("::Instance", "::AutoScalingGroup")):
        asked = [item.get("AssociatePublicIpAddress") for item in properties.get("NetworkInterfaces", [])]
        return bool([subnet.get("MapPublicIpOnLaunch", False), *(item for item in asked if item is not None)][-1])
    if kind.endswith("LoadBalancer"):
        return bool(properties.get("Scheme", "internet-facing") == "internet-facing")
    if kind.endswith("NatGateway"):
        return bool(properties.get("ConnectivityType", "public") == "public")
    text = str(properties)
    return "'AssignPublicIp': 'ENABLED'" in text or "'PubliclyAccessible': True" in text


def _client_ports(templates: Templates, owner: Id, kind: str, *, tasks: bool) -> tuple[int, int]:
    if kind.endswith(("LoadBalancer", "NatGateway")) or (kind.endswith("Function") and not tasks):
        return _ABOVE_1023
    for target in templates.targets(owner[0], templates.properties(owner)):
        if templates.kind(target) != "AWS::ECS::TaskDefinition":
            continue
        for container in templates.properties(target).get("ContainerDefinitions", []):
            for control in container.get("SystemControls", []):
                if control["Namespace"] == "net.ipv4.ip_local_port_range":
                    first, last = control["Value"].split()
                    return int(first), int(last)
    return _LINUX


def _with_addresses(places: list[Place], areas: dict[Id, Area]) -> Iterator[Place]:
    """Each place with an address somewhere in its subnet; AWS keeps the first four and the last one to itself."""
    random = Random(1)
    for area in areas.values():
        inside = [place for place in places if place.area == area.id]
        free = random.sample(range(4, area.block.num_addresses - 1), len(inside))
        for place, offset in zip(inside, free, strict=True):
            yield Place(**{**place.__dict__, "address": area.block[offset]})


def _block(templates: Templates, stack: str, value: Any) -> str:
    """A block as written, or the VPC's own."""
    if isinstance(value, dict):
        return str(templates.properties(templates.target(stack, value))["CidrBlock"])
    return str(value)
