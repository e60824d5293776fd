"""Network ACL rules from the traffic matrix.

A network ACL keeps no state: it judges an answer by itself, so that every flow needs a rule for the request and one
for the answer at each tier's edge that it crosses. Each flow is followed along its path, edge by edge.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from stacks.traffic import CLIENT_PORTS, HOME, NAT_PORTS, Flow, Party, Ports, Tier

ANYWHERE = IPv4Network("0.0.0.0/0")
SSH = Ports.only(22)
SSH_RULE_NUMBER = 1
"""Below every other rule, so that no later one, however wide, opens SSH."""
RULE_QUOTA = 20
"""AWS's default limit of rules per direction of one network ACL."""

ZoneLetter = str
Addresses = Mapping[Tier, Mapping[ZoneLetter, IPv4Network]]
"""Where the subnets are: tier, then the zone's letter."""


class Direction(StrEnum):
    """As the subnet sees it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Packet(StrEnum):
    """What a rule lets through.

    `TOO_BIG` is ICMP 3/4, "fragmentation needed": a router's word to send smaller packets. Without it a connection
    over a narrower link opens and then hangs. Security groups let it through as part of the connection.
    """

    TCP = "tcp"
    TOO_BIG = "icmp fragmentation needed"


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A kind of packet of one flow that crosses the edge of one tier. `remote` None is anywhere."""

    tier: Tier
    direction: Direction
    remote: Tier | None
    packet: Packet
    ports: Ports
    """Destination ports; of no meaning to ICMP."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One entry of a network ACL."""

    number: int
    direction: Direction
    allow: bool
    packet: Packet
    block: IPv4Network
    ports: Ports

    def covers(self, other: "Rule") -> bool:
        """Whether every packet that the other rule matches is matched by this one."""
        return (
            (self.direction, self.packet) == (other.direction, other.packet)
            and other.block.subnet_of(self.block)
            and (self.packet is Packet.TOO_BIG or self.ports.covers(other.ports))
        )


def crossings(flow: Flow) -> Iterator[Crossing]:
    """Every edge that the packets of a flow cross, request and answer, in the order of the journey."""
    source, target = HOME[flow.source], HOME[flow.target]
    request, answer = Ports.only(flow.port), CLIENT_PORTS[flow.source]
    if flow.target is Party.INTERNET and source is not Tier.PUBLIC:
        yield from _through_nat(source, request, answer)
        return
    if source is not None:
        yield _tcp(source, Direction.EGRESS, target, request)
    if target is not None:
        yield _tcp(target, Direction.INGRESS, source, request)
        yield _tcp(target, Direction.EGRESS, source, answer)
    if source is not None:
        yield _tcp(source, Direction.INGRESS, target, answer)
    if source is None and target is not None:
        yield _too_big(target, Direction.INGRESS, None)
    if target is None and source is not None:
        yield _too_big(source, Direction.INGRESS, None)


def _through_nat(source: Tier | None, request: Ports, answer: Ports) -> Iterator[Crossing]:
    """Out through the NAT gateway in the public tier, which calls from ports of its own."""
    if source is None:
        raise ValueError("nothing outside the VPC leaves it through NAT")
    yield _tcp(source, Direction.EGRESS, None, request)
    yield _tcp(Tier.PUBLIC, Direction.INGRESS, source, request)
    yield _tcp(Tier.PUBLIC, Direction.EGRESS, None, request)
    yield _tcp(Tier.PUBLIC, Direction.INGRESS, None, NAT_PORTS)
    # The gateway has put the client's own port back by now.
    yield _tcp(Tier.PUBLIC, Direction.EGRESS, source, answer)
    yield _tcp(source, Direction.INGRESS, None, answer)
    yield _too_big(Tier.PUBLIC, Direction.INGRESS, None)
    yield _too_big(Tier.PUBLIC, Direction.EGRESS, source)
    yield _too_big(source, Direction.INGRESS, None)


def rules_of(tier: Tier, *, flows: Iterable[Flow], addresses: Addresses) -> tuple[Rule, ...]:
    """The rules of one tier's network ACL, by direction and number. What no rule allows, AWS denies at the end.

    Raises:
        ValueError: a direction needs more rules than AWS allows.
    """
    wanted = [rule for flow in flows for rule in _rules_of_flow(tier, flow, addresses)]
    kept = [rule for rule in wanted if not any(_makes_needless(other, rule) for other in wanted)]
    rules = [_deny_ssh(direction) for direction in Direction] + kept
    for direction in Direction:
        count = sum(rule.direction is direction for rule in rules)
        if count > RULE_QUOTA:
            raise ValueError(f"the {tier} network ACL needs {count} {direction} rules; AWS allows {RULE_QUOTA}")
    return tuple(sorted(rules, key=lambda rule: (rule.direction is Direction.EGRESS, rule.number)))


def _rules_of_flow(tier: Tier, flow: Flow, addresses: Addresses) -> Iterator[Rule]:
    for ordinal, crossing in enumerate(crossings(flow)):
        if crossing.tier is not tier:
            continue
        if crossing.remote is None:
            blocks: Mapping[ZoneLetter, IPv4Network] = {"": ANYWHERE}
        else:
            blocks = addresses[crossing.remote]
        for letter, block in blocks.items():
            # 100 numbers per row, 10 per edge, one per zone: a number depends on nothing but its own row.
            zone = ord(letter) - ord("a") + 1 if letter else 0
            yield Rule(
                number=flow.row * 100 + ordinal * 10 + zone,
                direction=crossing.direction,
                allow=True,
                packet=crossing.packet,
                block=block,
                ports=crossing.ports,
            )


def _makes_needless(other: Rule, rule: Rule) -> bool:
    """Whether the other rule does all that this one does; of two that do the same, the first in number stays."""
    return other.covers(rule) and (not rule.covers(other) or other.number < rule.number)


def _deny_ssh(direction: Direction) -> Rule:
    return Rule(number=SSH_RULE_NUMBER, direction=direction, allow=False, packet=Packet.TCP, block=ANYWHERE, ports=SSH)


def _tcp(tier: Tier, direction: Direction, remote: Tier | None, ports: Ports) -> Crossing:
    return Crossing(tier=tier, direction=direction, remote=remote, packet=Packet.TCP, ports=ports)


def _too_big(tier: Tier, direction: Direction, remote: Tier | None) -> Crossing:
    return Crossing(
        tier=tier, direction=direction, remote=remote, packet=Packet.TOO_BIG, ports=Ports(first=1, last=65_535)
    )
