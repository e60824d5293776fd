"""What the Network template says, in the words of the picture: subnets, ways out, flows, network ACL rules."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

INTERNET = "internet"
_NOWHERE = "255.255.255.255/32"


@dataclass(frozen=True, kw_only=True)
class AclRule:
    """One entry of a network ACL. `ports` None is the ICMP message 3/4, fragmentation needed."""

    number: int
    egress: bool
    action: str
    block: str
    ports: tuple[int, int] | None

    @property
    def packet(self) -> str:
        """What it matches, spelled for a table."""
        if self.ports is None:
            return "ICMP 3/4"
        first, last = self.ports
        return f"TCP {first}" if first == last else f"TCP {first}–{last}"

    def matches(self, remote: str, port: int) -> bool:
        """Whether it decides about a TCP packet from or to an address, to a port."""
        return (
            self.ports is not None
            and self.ports[0] <= port <= self.ports[1]
            and ip_address(remote) in ip_network(self.block)
        )


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A network as its template describes it.

    Attributes:
        name: the stack's environment, such as `prod`.
        cidr: the VPC's block.
        zones: zone names by letter.
        subnets: blocks by tier and letter.
        nat_of: for each zone, the zone of the NAT gateway that its app subnet leaves through.
        flows: source, target and port of everything that a security group's rule opens.
        s3_tiers: tiers whose route tables lead to S3's gateway endpoint.
        endpoints: services with an interface endpoint.
        acls: network ACL rules by tier, in the order that they are read.
    """

    name: str
    cidr: str
    zones: dict[str, str]
    subnets: dict[tuple[str, str], str]
    nat_of: dict[str, str]
    flows: tuple[tuple[str, str, int], ...]
    s3_tiers: tuple[str, ...]
    endpoints: tuple[str, ...]
    acls: dict[str, tuple[AclRule, ...]]


def read_facts(template: Path) -> Facts:
    """Read a Network template."""
    return _Reader(json.loads(template.read_text(encoding="utf-8"))["Resources"]).facts()


class _Reader:
    def __init__(self, resources: dict[str, Any]) -> None:
        self._resources = resources

    def facts(self) -> Facts:
        (vpc_id,) = (logical_id for logical_id, _ in self._all("AWS::EC2::VPC"))
        subnets = {self._name(logical_id): subnet for logical_id, subnet in self._all("AWS::EC2::Subnet")}
        zones = {name[-1]: str(subnet["AvailabilityZone"]) for name, subnet in sorted(subnets.items())}
        endpoints = [endpoint for _, endpoint in self._all("AWS::EC2::VPCEndpoint")]
        return Facts(
            name=self._tag(vpc_id, "Environment"),
            cidr=self._resources[vpc_id]["Properties"]["CidrBlock"],
            zones=zones,
            subnets={(name[:-2], name[-1]): str(subnet["CidrBlock"]) for name, subnet in sorted(subnets.items())},
            nat_of=dict(sorted(self._nat_of())),
            flows=tuple(sorted(set(self._flows()))),
            s3_tiers=tuple(sorted({tier for endpoint in endpoints for tier in self._tiers_served(endpoint)})),
            endpoints=tuple(
                sorted(
                    endpoint["ServiceName"].split(".", 3)[3]
                    for endpoint in endpoints
                    if endpoint["VpcEndpointType"] == "Interface"
                )
            ),
            acls={self._name(acl): tuple(self._acl_rules(acl)) for acl, _ in self._all("AWS::EC2::NetworkAcl")},
        )

    def _all(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, resource in self._resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource["Properties"]

    def _tag(self, logical_id: str, key: str) -> str:
        tags = self._resources[logical_id]["Properties"]["Tags"]
        return next(str(tag["Value"]) for tag in tags if tag["Key"] == key)

    def _name(self, logical_id: str) -> str:
        return self._tag(logical_id, "Name").removeprefix(f"rawmill-{self._tag(logical_id, 'Environment')}-")

    def _nat_of(self) -> Iterator[tuple[str, str]]:
        for _, route in self._all("AWS::EC2::Route"):
            if "NatGatewayId" in route:
                gateway = self._resources[route["NatGatewayId"]["Ref"]]["Properties"]
                yield self._name(route["RouteTableId"]["Ref"])[-1], self._name(gateway["SubnetId"]["Ref"])[-1]

    def _tiers_served(self, endpoint: dict[str, Any]) -> Iterator[str]:
        for table in endpoint.get("RouteTableIds", []):
            yield self._name(table["Ref"])[:-2]

    def _flows(self) -> Iterator[tuple[str, str, int]]:
        for logical_id, group in self._all("AWS::EC2::SecurityGroup"):
            for rule in group.get("SecurityGroupIngress", []):
                yield INTERNET, self._name(logical_id), rule["FromPort"]
            for rule in group.get("SecurityGroupEgress", []):
                if rule["CidrIp"] != _NOWHERE:
                    yield self._name(logical_id), INTERNET, rule["FromPort"]
        for _, rule in self._all("AWS::EC2::SecurityGroupEgress"):
            source, target = (rule[key]["Fn::GetAtt"][0] for key in ("GroupId", "DestinationSecurityGroupId"))
            yield self._name(source), self._name(target), rule["FromPort"]

    def _acl_rules(self, acl: str) -> Iterator[AclRule]:
        entries = [entry for _, entry in self._all("AWS::EC2::NetworkAclEntry") if entry["NetworkAclId"]["Ref"] == acl]
        for entry in sorted(entries, key=lambda entry: (entry["Egress"], entry["RuleNumber"])):
            if "PortRange" not in entry and entry["Icmp"] != {"Code": 4, "Type": 3}:
                raise ValueError(f"network ACL rule {entry['RuleNumber']} of {acl}: neither TCP nor ICMP 3/4")
            ports = entry.get("PortRange")
            yield AclRule(
                number=entry["RuleNumber"],
                egress=entry["Egress"],
                action=entry["RuleAction"],
                block=entry["CidrBlock"],
                ports=(ports["From"], ports["To"]) if ports else None,
            )
