"""The hops of a journey: each takes a set of packets, lets some through and names what stopped the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from audit.assembly import Address
from audit.reach.network import AclRule, GroupRule, Interface, Network, NetworkAcl, Route, Subnet, Way
from audit.reach.packets import PacketSet, interval_of


class Direction(StrEnum):
    """The two halves of a round trip."""

    FORWARD = "forward"
    RETURN = "return"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one hop decides about some packets.

    Attributes:
        hop: the thing that decides, such as a network ACL and the way through it.
        rule: the rule, route or lack of one that decides.
        packets: the packets that it decides about.
    """

    hop: str
    rule: str
    passes: bool
    direction: Direction
    packets: PacketSet


@dataclass(frozen=True, slots=True)
class Passage:
    """A hop's verdicts about a set of packets."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> PacketSet:
        """What goes on. No packet is in two verdicts of a hop."""
        return PacketSet(tuple([box for verdict in self.verdicts if verdict.passes for box in verdict.packets.boxes]))


NOBODY = Passage(())
"""When nothing is left that could pass."""


def through_acl(packets: PacketSet, acl: NetworkAcl, *, egress: bool, direction: Direction) -> Passage:
    """Past a network ACL: the first matching rule decides, each packet for itself."""
    if not packets:
        return NOBODY
    hop = f"{acl.name} {'egress' if egress else 'ingress'}"
    return Passage(
        tuple(
            Verdict(hop=hop, rule=rule.name, passes=rule.allow, direction=direction, packets=decided)
            for rule, decided in first_matches(acl, egress, packets)
        )
    )


@lru_cache(maxsize=100_000)
def first_matches(acl: NetworkAcl, egress: bool, packets: PacketSet) -> tuple[tuple[AclRule, PacketSet], ...]:
    """Each rule that decides about some of the packets, with these packets."""
    decided: list[tuple[AclRule, PacketSet]] = []
    for rule in acl.egress if egress else acl.ingress:
        matched = packets & rule.packets
        if matched:
            decided.append((rule, matched))
            packets = packets - matched
            if not packets:
                break
    return tuple(decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end as a security group sees it."""

    groups: frozenset[Address] = frozenset()
    service: str | None = None


def through_groups(
    packets: PacketSet, network: Network, interface: Interface, *, egress: bool, peer: Peer, direction: Direction
) -> Passage:
    """Past an interface's security groups: any rule of any of them may let a packet through."""
    if not packets:
        return NOBODY
    way = "egress" if egress else "ingress"
    verdicts: list[Verdict] = []
    left = packets
    for address in sorted(interface.groups):
        group = network.groups[address]
        for rule in group.egress if egress else group.ingress:
            if not left:
                return Passage(tuple(verdicts))
            if not _is_about(rule, peer, network):
                continue
            allowed = left & rule.packets
            if allowed:
                hop = f"{group.name} {way}"
                verdicts.append(Verdict(hop=hop, rule=rule.name, passes=True, direction=direction, packets=allowed))
                left = left - allowed
    if left:
        names = " and ".join(network.groups[address].name for address in sorted(interface.groups)) or "no group"
        verdicts.append(
            Verdict(hop=f"{names} {way}", rule="no rule allows it", passes=False, direction=direction, packets=left)
        )
    return Passage(tuple(verdicts))


def _is_about(rule: GroupRule, peer: Peer, network: Network) -> bool:
    if rule.group is not None:
        return rule.group in peer.groups
    if rule.prefix_list is not None:
        return peer.service is not None and network.prefix_lists.get(rule.prefix_list) == peer.service
    return True


def routed(packets: PacketSet, subnet: Subnet, service: str | None) -> Iterator[tuple[Route, PacketSet]]:
    """The route that each packet takes out of a subnet: the longest prefix that holds its destination.

    A gateway endpoint's list is longer than any default route, and is taken for packets to its service.
    """
    left = packets
    if service is not None:
        for route in subnet.routes:
            if route.service == service:
                yield route, left
                return
    with_block = [route for route in subnet.routes if route.block is not None]
    for route in sorted(with_block, key=lambda route: -route.block.prefixlen if route.block else 0):
        if route.block is None:
            continue
        taken = left & PacketSet.of(target=interval_of(route.block))
        if taken:
            yield route, taken
            left = left - taken
    if left:
        yield Route(way=Way.NOWHERE, name="no route"), left


def through_routes(
    packets: PacketSet, subnet: Subnet, *, wanted: Iterable[Way], service: str | None, direction: Direction
) -> Passage:
    """Out of a subnet by one of the ways that lead to the destination."""
    if not packets:
        return NOBODY
    ways = frozenset(wanted)
    return Passage(
        tuple(
            Verdict(
                hop=f"{subnet.name} routes",
                rule=f"{route.name} to {route.way}" if route.way is not Way.NOWHERE else route.name,
                passes=route.way in ways,
                direction=direction,
                packets=taken,
            )
            for route, taken in routed(packets, subnet, service)
        )
    )
