"""Reads VPCs, subnets and route tables out of an assembly."""

from collections.abc import Collection, Mapping
from ipaddress import IPv4Network

from audit.assembly import Address, Assembly, Reference, Resource, Value
from audit.errors import Problem
from audit.reach.network import NetworkAcl, Route, Subnet, Way

_UNKNOWN_TARGETS = (
    "CarrierGatewayId",
    "CoreNetworkArn",
    "InstanceId",
    "LocalGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)


def read_blocks(assembly: Assembly, problems: list[Problem]) -> dict[Address, tuple[IPv4Network, ...]]:
    """The address blocks of each VPC."""
    blocks = {vpc.address: _blocks(vpc, problems) for vpc in assembly.of_kind("AWS::EC2::VPC")}
    for extra in assembly.of_kind("AWS::EC2::VPCCidrBlock"):
        vpc = extra.properties.get("VpcId")
        if isinstance(vpc, Reference) and vpc.address in blocks and "CidrBlock" in extra.properties:
            blocks[vpc.address] += _blocks(extra, problems)
    return blocks


def read_subnets(
    assembly: Assembly,
    blocks: Mapping[Address, tuple[IPv4Network, ...]],
    acls: Mapping[Address, NetworkAcl],
    problems: list[Problem],
) -> dict[Address, Subnet]:
    """Every subnet with its network ACL and its routes."""
    acl_of = _associations(assembly, "AWS::EC2::SubnetNetworkAclAssociation", "NetworkAclId")
    table_of = _associations(assembly, "AWS::EC2::SubnetRouteTableAssociation", "RouteTableId")
    routes = _routes(assembly, problems)
    subnets: dict[Address, Subnet] = {}
    for resource in assembly.of_kind("AWS::EC2::Subnet"):
        vpc = resource.properties.get("VpcId")
        found = _blocks(resource, problems)
        if not isinstance(vpc, Reference) or vpc.address not in blocks:
            problems.append(_problem(resource, "VpcId", "is no VPC of these templates"))
            continue
        if not found:
            continue
        local = tuple(Route(way=Way.LOCAL, block=block, name=f"local route {block}") for block in blocks[vpc.address])
        table = table_of.get(resource.address)
        acl = acl_of.get(resource.address, vpc.address)
        if acl not in acls:
            problems.append(_problem(resource, "network ACL", f"{acl} is no network ACL of these templates"))
            continue
        subnets[resource.address] = Subnet(
            address=resource.address,
            name=resource.path,
            block=found[0],
            zone=_zone(resource, problems),
            vpc=vpc.address,
            acl=acls[acl],
            # Without an association a subnet has the VPC's main route table, which only knows the VPC.
            routes=(*local, *(routes.get(table, ()) if table else ())),
            gives_public_addresses=resource.properties.get("MapPublicIpOnLaunch") is True,
        )
    return subnets


def _routes(assembly: Assembly, problems: list[Problem]) -> dict[Address, tuple[Route, ...]]:
    """The routes of each table, beside the local ones."""
    attached = read_attached(assembly)
    routes: dict[Address, tuple[Route, ...]] = {}
    for resource in assembly.of_kind("AWS::EC2::Route"):
        table = resource.properties.get("RouteTableId")
        if not isinstance(table, Reference):
            problems.append(_problem(resource, "RouteTableId", "is no route table of these templates"))
        elif (route := _route(resource, attached, problems)) is not None:
            routes[table.address] = (*routes.get(table.address, ()), route)
    for endpoint in assembly.of_kind("AWS::EC2::VPCEndpoint"):
        if endpoint.properties.get("VpcEndpointType", "Gateway") != "Gateway":
            continue
        service = service_of(endpoint)
        for table in _references(endpoint.properties.get("RouteTableIds")):
            route = Route(way=Way.ENDPOINT, service=service, name=endpoint.path, target=endpoint.address)
            routes[table.address] = (*routes.get(table.address, ()), route)
    return routes


def read_attached(assembly: Assembly) -> dict[Address, Address]:
    """The VPC of each internet gateway that is attached to one."""
    return {
        gateway.address: vpc.address
        for attachment in assembly.of_kind("AWS::EC2::VPCGatewayAttachment")
        if isinstance(gateway := attachment.properties.get("InternetGatewayId"), Reference)
        and isinstance(vpc := attachment.properties.get("VpcId"), Reference)
    }


def service_of(endpoint: Resource) -> str:
    """The last part of an endpoint's service name, such as `s3`."""
    return str(endpoint.properties.get("ServiceName", "")).rsplit(".", 1)[-1]


def _route(resource: Resource, attached: Collection[Address], problems: list[Problem]) -> Route | None:
    properties = resource.properties
    if "DestinationIpv6CidrBlock" in properties and "DestinationCidrBlock" not in properties:
        return None
    if unknown := [key for key in _UNKNOWN_TARGETS if key in properties]:
        problems.append(_problem(resource, unknown[0], "routes to it are not modelled"))
        return None
    destination = properties.get("DestinationCidrBlock")
    try:
        block = IPv4Network(destination, strict=False) if isinstance(destination, str) else None
    except ValueError:
        block = None
    if block is None:
        problems.append(
            _problem(resource, "DestinationCidrBlock", f"{destination} is no IPv4 block known before deployment")
        )
        return None
    if isinstance(nat := properties.get("NatGatewayId"), Reference):
        return Route(way=Way.NAT, block=block, name=resource.path, target=nat.address)
    if isinstance(gateway := properties.get("GatewayId"), Reference):
        way = Way.INTERNET if gateway.address in attached else Way.NOWHERE
        return Route(way=way, block=block, name=resource.path, target=gateway.address)
    problems.append(_problem(resource, "target", "the route leads to nothing in these templates"))
    return None


def _associations(assembly: Assembly, kind: str, key: str) -> dict[Address, Address]:
    """What each subnet is associated with."""
    return {
        subnet.address: other.address
        for association in assembly.of_kind(kind)
        if isinstance(subnet := association.properties.get("SubnetId"), Reference)
        and isinstance(other := association.properties.get(key), Reference)
    }


def _blocks(resource: Resource, problems: list[Problem]) -> tuple[IPv4Network, ...]:
    written = resource.properties.get("CidrBlock")
    try:
        if isinstance(written, str):
            return (IPv4Network(written),)
    except ValueError:
        pass
    problems.append(_problem(resource, "CidrBlock", f"{written} is no IPv4 block known before deployment"))
    return ()


def _zone(resource: Resource, problems: list[Problem]) -> str:
    zone = resource.properties.get("AvailabilityZone", resource.properties.get("AvailabilityZoneId"))
    if isinstance(zone, str):
        return zone
    problems.append(_problem(resource, "AvailabilityZone", "is only known when deployed"))
    return "unknown"


def _references(value: Value) -> list[Reference]:
    return [item for item in value if isinstance(item, Reference)] if isinstance(value, list) else []


def _problem(resource: Resource, where: str, why: str) -> Problem:
    return Problem(where=f"{resource.address} ({resource.kind}): {where}", why=why)
