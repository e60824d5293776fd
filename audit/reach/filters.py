"""Reads security groups and network ACLs out of an assembly."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from itertools import chain
from typing import cast

from audit.assembly import Address, Assembly, Reference, Resource, Text, Value
from audit.errors import NotModelledError, Problem
from audit.reach.network import AclRule, GroupRule, NetworkAcl, SecurityGroup
from audit.reach.packets import (
    EVERY_ADDRESS,
    EVERY_PORT,
    EVERY_PROTOCOL,
    EVERYTHING,
    ICMP,
    NOTHING,
    TCP,
    UDP,
    Interval,
    PacketSet,
    interval_of,
)

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP, "all": -1}
_ANY_IPV6 = ("CidrIpv6", "Ipv6CidrBlock")

ALLOW_ALL = (AclRule(number=100, allow=True, packets=EVERYTHING, name="rule 100 (default)"),)
DENY_REST = AclRule(number=None, allow=False, packets=EVERYTHING, name="rule * (deny all that is left)")


def read_groups(assembly: Assembly, problems: list[Problem]) -> dict[Address, SecurityGroup]:
    """Every security group, with its own rules and those that stand beside it, and each VPC's default one."""
    ingress: dict[Address, list[GroupRule]] = {}
    egress: dict[Address, list[GroupRule]] = {}
    groups = {group.address: group for group in assembly.of_kind("AWS::EC2::SecurityGroup")}
    for group in groups.values():
        for table, key in ((ingress, "SecurityGroupIngress"), (egress, "SecurityGroupEgress")):
            entries = group.properties.get(key)
            if entries is not None:
                table.setdefault(group.address, [])
            for index, entry in enumerate(_items(entries)):
                table[group.address] += _group_rules(group, entry, f"{key}[{index}]", problems)
    for kind, table in (
        ("AWS::EC2::SecurityGroupIngress", ingress),
        ("AWS::EC2::SecurityGroupEgress", egress),
    ):
        for rule in assembly.of_kind(kind):
            target = rule.properties.get("GroupId")
            if isinstance(target, Reference):
                table.setdefault(target.address, [])
                table[target.address] += _group_rules(rule, dict(rule.properties), "", problems)
            else:
                problems.append(_problem(rule, "GroupId", "is no security group of these templates"))
    allow_all = GroupRule(packets=EVERYTHING, name="default: all out")
    found = {
        address: SecurityGroup(
            address=address,
            name=group.path,
            ingress=tuple(ingress.get(address, ())),
            # A group is made with a rule that lets everything out, which the first rule of its own replaces.
            egress=tuple(egress[address]) if address in egress else (allow_all,),
        )
        for address, group in groups.items()
    }
    for vpc in assembly.of_kind("AWS::EC2::VPC"):
        own = GroupRule(packets=EVERYTHING, group=vpc.address, name="default: members of the group")
        found[vpc.address] = SecurityGroup(
            address=vpc.address,
            name=f"{vpc.path} default security group",
            ingress=(own, *ingress.get(vpc.address, ())),
            egress=(allow_all, *egress.get(vpc.address, ())),
        )
    return found


def read_acls(assembly: Assembly, problems: list[Problem]) -> dict[Address, NetworkAcl]:
    """Every network ACL with its rules in order. A VPC's default one stands under the VPC's address."""
    entries: dict[tuple[Address, bool], list[AclRule]] = {}
    for entry in assembly.of_kind("AWS::EC2::NetworkAclEntry"):
        acl = entry.properties.get("NetworkAclId")
        if not isinstance(acl, Reference):
            problems.append(_problem(entry, "NetworkAclId", "is no network ACL of these templates"))
            continue
        try:
            rule = _acl_rule(entry)
        except NotModelledError as error:
            problems.append(_problem(entry, "rule", str(error)))
            continue
        if rule is not None:
            entries.setdefault((acl.address, bool(entry.properties.get("Egress", False))), []).append(rule)

    def in_order(address: Address, *, egress: bool, first: Iterable[AclRule] = ()) -> tuple[AclRule, ...]:
        rules = sorted(chain(first, entries.get((address, egress), ())), key=lambda rule: rule.number or 0)
        return (*rules, DENY_REST)

    acls = {
        acl.address: NetworkAcl(
            name=acl.path,
            ingress=in_order(acl.address, egress=False),
            egress=in_order(acl.address, egress=True),
        )
        for acl in assembly.of_kind("AWS::EC2::NetworkAcl")
    }
    for vpc in assembly.of_kind("AWS::EC2::VPC"):
        acls[vpc.address] = NetworkAcl(
            name=f"{vpc.path} default network ACL",
            ingress=in_order(vpc.address, egress=False, first=ALLOW_ALL),
            egress=in_order(vpc.address, egress=True, first=ALLOW_ALL),
        )
    return acls


def _group_rules(
    resource: Resource, entry: Mapping[str, Value], where: str, problems: list[Problem]
) -> Iterator[GroupRule]:
    """One rule, or none when it is about IPv6 or cannot be read."""
    # An inline or standalone egress rule names the destination, an ingress rule the source.
    egress = where.startswith("SecurityGroupEgress") or resource.kind.endswith("SecurityGroupEgress")
    try:
        rule = _group_rule(entry, f"{resource.path}{f' {where}' if where else ''}", egress=egress)
    except NotModelledError as error:
        problems.append(_problem(resource, where or "rule", str(error)))
    else:
        if rule is not None:
            yield rule


def _group_rule(entry: Mapping[str, Value], name: str, *, egress: bool) -> GroupRule | None:
    packets = _protocol_and_ports(entry)
    end = "Destination" if egress else "Source"
    if (group := entry.get(f"{end}SecurityGroupId")) is not None:
        if not isinstance(group, Reference):
            raise NotModelledError(f"{end}SecurityGroupId is no security group of these templates")
        return GroupRule(packets=packets, group=group.address, name=name)
    if (prefix_list := entry.get(f"{end}PrefixListId")) is not None:
        return GroupRule(packets=packets, prefix_list=str(prefix_list), name=name)
    if (block := entry.get("CidrIp")) is not None:
        addresses = _addresses(block)
        towards = PacketSet.of(target=addresses) if egress else PacketSet.of(source=addresses)
        return GroupRule(packets=packets & towards, name=name)
    if any(key in entry for key in _ANY_IPV6):
        return None
    raise NotModelledError("the rule names no peer that is understood")


def _acl_rule(entry: Resource) -> AclRule | None:
    properties = entry.properties
    if "CidrBlock" not in properties and any(key in properties for key in _ANY_IPV6):
        return None
    number, action = properties.get("RuleNumber"), properties.get("RuleAction")
    if not isinstance(number, int | str) or action not in {"allow", "deny"}:
        raise NotModelledError("RuleNumber or RuleAction is missing or only known when deployed")
    protocol = _protocol(properties.get("Protocol"))
    packets = PacketSet.of(protocol=protocol)
    if protocol in {(TCP, TCP), (UDP, UDP)}:
        packets = packets & PacketSet.of(target_port=_range(properties.get("PortRange")))
    elif protocol == (ICMP, ICMP):
        packets = packets & _icmp(properties.get("Icmp"), "Type", "Code")
    addresses = _addresses(properties.get("CidrBlock"))
    egress = bool(properties.get("Egress", False))
    packets = packets & (PacketSet.of(target=addresses) if egress else PacketSet.of(source=addresses))
    return AclRule(
        number=int(number),
        allow=action == "allow",
        packets=packets,
        name=f"rule {number} ({action}, {entry.path.rsplit('/', 1)[-1]})",
    )


def _protocol_and_ports(entry: Mapping[str, Value]) -> PacketSet:
    protocol = _protocol(entry.get("IpProtocol"))
    packets = PacketSet.of(protocol=protocol)
    first, last = entry.get("FromPort"), entry.get("ToPort")
    if protocol in {(TCP, TCP), (UDP, UDP)}:
        if first is None and last is None:
            return packets
        low, high = _number(first), _number(last)
        if (low, high) == (-1, -1):
            return packets
        # A range that ends before it begins allows nothing; CDK writes such a rule to mean "no egress".
        return packets & PacketSet.of(target_port=(low, high)) if low <= high else NOTHING
    if protocol == (ICMP, ICMP) and first is not None:
        return packets & _icmp({"Type": first, "Code": last if last is not None else -1}, "Type", "Code")
    return packets


def _icmp(value: Value, kind: str, code: str) -> PacketSet:
    if value is None:
        return EVERYTHING
    if not isinstance(value, dict):
        raise NotModelledError("Icmp is only known when deployed")
    wanted_type, wanted_code = _number(value.get(kind, -1)), _number(value.get(code, -1))
    packets = EVERYTHING
    if wanted_type != -1:
        packets = packets & PacketSet.of(source_port=(wanted_type, wanted_type))
    if wanted_code != -1:
        packets = packets & PacketSet.of(target_port=(wanted_code, wanted_code))
    return packets


def _protocol(value: Value) -> Interval:
    text = str(value).lower()
    number = _PROTOCOLS.get(text)
    if number is None:
        try:
            number = int(text)
        except ValueError:
            raise NotModelledError(f"protocol {text!r} is not understood") from None
    return EVERY_PROTOCOL if number == -1 else (number, number)


def _range(value: Value) -> Interval:
    if value is None:
        return EVERY_PORT
    if not isinstance(value, dict):
        raise NotModelledError("PortRange is only known when deployed")
    low, high = _number(value.get("From")), _number(value.get("To"))
    if not 0 <= low <= high <= EVERY_PORT[1]:
        raise NotModelledError(f"PortRange {low}-{high} is no range")
    return low, high


def _number(value: Value) -> int:
    try:
        return int(cast("str | int", value))
    except (TypeError, ValueError):
        raise NotModelledError(f"{value} is no number that is known before deployment") from None


def _addresses(value: Value) -> Interval:
    if isinstance(value, Reference | Text) or not isinstance(value, str):
        raise NotModelledError(f"block {value} is only known when deployed")
    try:
        return EVERY_ADDRESS if value == "0.0.0.0/0" else interval_of(IPv4Network(value, strict=False))
    except ValueError:
        raise NotModelledError(f"{value!r} is no IPv4 block") from None


def _items(value: Value) -> list[dict[str, Value]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _problem(resource: Resource, where: str, why: str) -> Problem:
    return Problem(where=f"{resource.address} ({resource.kind}): {where}", why=why)
