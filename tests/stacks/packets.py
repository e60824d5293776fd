"""Who may talk to whom, judged from a synthesized template packet by packet, as the network would.

It knows network ACLs (in rule order, without state) and security groups (with state). It shares no code with `stacks`,
so that a mistake there cannot excuse itself here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from tests.stacks.template import Template, ref

INTERNET = "internet"
S3 = "S3"
OUTSIDE = {INTERNET: IPv4Address("198.51.100.7"), S3: IPv4Address("52.218.1.1")}
TIER = {
    "load-balancer": "public",
    "nat": "public",
    "web": "private-app",
    "workers": "private-app",
    "interface-endpoints": "private-app",
    "database": "private-db",
    "session-store": "private-db",
}
ANY_CLIENT = (1024, 65535)
LINUX_CLIENT = (32768, 60999)
CLIENT_PORTS = {
    INTERNET: ANY_CLIENT,
    "load-balancer": ANY_CLIENT,
    "nat": ANY_CLIENT,
    "web": LINUX_CLIENT,
    "workers": LINUX_CLIENT,
}
TCP, ICMP = 6, 1


@dataclass(frozen=True)
class Hop:
    """A packet at the edge of a subnet; `port` is the destination's, `label` says which packet of which flow."""

    subnet: str
    egress: bool
    remote: IPv4Address
    port: int
    label: str


def blocked_hops(template: Template, source: str, target: str, port: int) -> Iterator[str]:
    """Everything that stops a flow, in every pair of zones and at both ends of the client's port range."""
    yield from _blocked_by_groups(template, source, target, port)
    network = _Network(template)
    for hop in _hops(network, source, target, port):
        rule = network.deciding_rule(hop)
        if rule is None or rule["RuleAction"] != "allow":
            direction = "egress" if hop.egress else "ingress"
            number = "*" if rule is None else rule["RuleNumber"]
            way = "to" if hop.egress else "from"
            yield (
                f"{source} -> {target}:{port}: {hop.label} dropped at {hop.subnet} {direction} "
                f"{way} {hop.remote}, port {hop.port} (rule {number})"
            )


def acl_lets_through(template: Template, subnet: str, remote: str, port: int, *, egress: bool) -> bool:
    """Whether a subnet's network ACL lets one TCP packet through."""
    rule = _Network(template).deciding_rule(Hop(subnet, egress, IPv4Address(remote), port, "packet"))
    return rule is not None and rule["RuleAction"] == "allow"


def open_group_rules(template: Template) -> set[tuple[str, str, str, int]]:
    """Every security group rule that matches something: group, direction, peer, port."""
    names = {logical_id: name for name, logical_id in template.names("AWS::EC2::SecurityGroup").items()}
    rules: set[tuple[str, str, str, int]] = set()
    for logical_id, group in template.all("AWS::EC2::SecurityGroup").items():
        for direction in ("Ingress", "Egress"):
            for rule in group.get(f"SecurityGroup{direction}", []):
                if rule["CidrIp"] != "255.255.255.255/32":
                    assert rule["IpProtocol"] == "tcp"
                    assert rule["FromPort"] == rule["ToPort"]
                    rules.add((names[logical_id], direction.lower(), rule["CidrIp"], rule["FromPort"]))
    for direction, other in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        for rule in template.all(f"AWS::EC2::SecurityGroup{direction}").values():
            assert rule["IpProtocol"] == "tcp"
            assert rule["FromPort"] == rule["ToPort"]
            rules.add((names[ref(rule["GroupId"])], direction.lower(), names[ref(rule[other])], rule["FromPort"]))
    return rules


class _Network:
    def __init__(self, template: Template) -> None:
        subnets = template.all("AWS::EC2::Subnet")
        self.blocks = {
            template.name_of(logical_id): IPv4Network(subnet["CidrBlock"]) for logical_id, subnet in subnets.items()
        }
        acl_of = {
            template.name_of(ref(association["SubnetId"])): ref(association["NetworkAclId"])
            for association in template.all("AWS::EC2::SubnetNetworkAclAssociation").values()
        }
        entries = sorted(template.all("AWS::EC2::NetworkAclEntry").values(), key=lambda entry: entry["RuleNumber"])
        self.rules = {
            subnet: [entry for entry in entries if ref(entry["NetworkAclId"]) == acl] for subnet, acl in acl_of.items()
        }

    def subnets(self, tier: str) -> list[str]:
        return [name for name in self.blocks if name.rpartition("-")[0] == tier]

    def deciding_rule(self, hop: Hop) -> dict[str, Any] | None:
        for rule in self.rules[hop.subnet]:
            if (
                rule["Egress"] == hop.egress
                and rule["Protocol"] == TCP
                and hop.remote in IPv4Network(rule["CidrBlock"])
                and rule["PortRange"]["From"] <= hop.port <= rule["PortRange"]["To"]
            ):
                return rule
        return None


def _hops(network: _Network, source: str, target: str, port: int) -> Iterator[Hop]:
    if source in TIER and target == INTERNET:
        # Out through a NAT gateway, which calls on with ports of its own.
        for caller in network.subnets(TIER[source]):
            yield from _request(network, caller, None, OUTSIDE[target], port=port, client=CLIENT_PORTS[source])
            for nat in network.subnets(TIER["nat"]):
                yield from _request(
                    network, None, nat, network.blocks[caller][9], port=port, client=CLIENT_PORTS[source]
                )
                yield from _request(network, nat, None, OUTSIDE[target], port=port, client=CLIENT_PORTS["nat"])
        return
    heres: list[str | None] = list(network.subnets(TIER[source])) if source in TIER else [None]
    theres: list[str | None] = list(network.subnets(TIER[target])) if target in TIER else [None]
    for here in heres:
        for there in theres:
            # Inside one subnet no network ACL is asked.
            if here != there:
                outside = OUTSIDE.get(target if here else source, IPv4Address("198.51.100.7"))
                yield from _request(network, here, there, outside, port=port, client=CLIENT_PORTS[source])


def _request(
    network: _Network, here: str | None, there: str | None, outside: IPv4Address, *, port: int, client: tuple[int, int]
) -> Iterator[Hop]:
    """A request and its answers over the edges of the subnets involved; None is outside, at the address given."""
    source = network.blocks[here][9] if here else outside
    target = network.blocks[there][10] if there else outside
    if here:
        yield Hop(here, True, target, port, "request")
    if there:
        yield Hop(there, False, source, port, "request")
    for answer in (client[0], (client[0] + client[1]) // 2, client[1]):
        if there:
            yield Hop(there, True, source, answer, f"answer to port {answer}")
        if here:
            yield Hop(here, False, target, answer, f"answer to port {answer}")


def _blocked_by_groups(template: Template, source: str, target: str, port: int) -> Iterator[str]:
    rules = open_group_rules(template)
    for group, direction, peer in ((source, "egress", target), (target, "ingress", source)):
        if group in TIER:
            wanted = peer if peer in TIER else "0.0.0.0/0"
            if (group, direction, wanted, port) not in rules:
                yield f"{source} -> {target}:{port}: no {direction} rule in the security group of {group} for {wanted}"
