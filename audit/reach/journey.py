"""Journeys: every packet that one interface can send another, or the internet, and every answer, hop by hop.

A round trip crosses one leg, or two where a NAT gateway rewrites the source in between. Security groups remember the
connection; network ACLs and routes do not, so that each leg is judged in both directions. A destination port is
`complete` when every packet to it that the client may send arrives and every answer comes back, whatever addresses
the two ends have in their subnets and whatever port the client or the NAT gateway picks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from ipaddress import IPv4Network

from audit.reach.hops import Direction, Passage, Peer, Verdict, through_acl, through_groups, through_routes
from audit.reach.network import Interface, Network, Subnet, Way
from audit.reach.packets import (
    EVERY_ADDRESS,
    EVERY_PORT,
    NOTHING,
    TCP,
    UDP,
    Axis,
    Interval,
    Packet,
    PacketSet,
    interval_of,
    merged,
    union,
    without,
)

TCP_ONLY: Interval = (TCP, TCP)
UDP_ONLY: Interval = (UDP, UDP)
NAT_PORTS: Interval = (1024, 65_535)
INTERNET_PORTS: Interval = (1024, 65_535)
"""Ports that anything out there may call from."""

_NOT_PUBLIC = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
PUBLIC_ADDRESSES: tuple[Interval, ...] = without([EVERY_ADDRESS], map(interval_of, _NOT_PUBLIC))


@dataclass(frozen=True, slots=True)
class Internet:
    """Everybody outside."""

    def __str__(self) -> str:
        return "internet"


@dataclass(frozen=True, slots=True)
class Service:
    """An AWS service that gateway endpoints lead to, such as `s3`; its addresses are public ones."""

    name: str

    def __str__(self) -> str:
        return self.name


End = Interface | Internet | Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One stretch without address translation.

    Attributes:
        sent: all packets that may set out.
        passages: the hops in their order, forward then return.
        delivered: what arrives at the far end.
        complete: what arrives and whose answers come back.
    """

    sent: PacketSet
    passages: tuple[Passage, ...]
    delivered: PacketSet
    complete: PacketSet

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Everything that was decided, in order."""
        return tuple(verdict for passage in self.passages for verdict in passage.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Destination ports that do not complete, and the first hop that is to blame."""

    ports: tuple[Interval, ...]
    verdict: Verdict
    example: Packet | None


@dataclass(frozen=True, kw_only=True)
class Journey:
    """The round trips from one end to another over one protocol.

    Attributes:
        legs: one, or two around a NAT gateway; empty when a hop before any packet decides.
        refused: what decides when there is no leg.
        through: NAT gateways and gateway endpoints on the way.
    """

    source: End
    target: End
    protocol: Interval
    legs: tuple[Leg, ...]
    refused: str | None = None
    through: tuple[str, ...] = ()

    @cached_property
    def delivered(self) -> tuple[Interval, ...]:
        """Destination ports that at least one packet reaches, whether it is answered or not."""
        return _in_all([leg.delivered.values(Axis.TARGET_PORT) for leg in self.legs])

    @cached_property
    def some(self) -> tuple[Interval, ...]:
        """Destination ports for which at least one round trip completes."""
        return _in_all([leg.complete.values(Axis.TARGET_PORT) for leg in self.legs])

    @cached_property
    def complete(self) -> tuple[Interval, ...]:
        """Destination ports for which every round trip completes."""
        broken = [missing for leg in self.legs for missing in (leg.sent - leg.complete).values(Axis.TARGET_PORT)]
        return without(self.some, merged(broken))

    @cached_property
    def partial(self) -> tuple[Interval, ...]:
        """Destination ports for which it depends on addresses or on the port that somebody picks."""
        return without(self.some, self.complete)

    def share(self, port: int) -> float:
        """The part of the round trips to a port that complete, 0 to 1; legs are taken as independent."""
        at_port = PacketSet.of(target_port=(port, port))
        wholes = [((leg.complete & at_port).size, (leg.sent & at_port).size) for leg in self.legs]
        return reduce(lambda product, part: product * part[0] / part[1], wholes, 1.0) if wholes else 0.0

    def blocked(self, among: Sequence[Interval] = ((0, 65_535),)) -> tuple[Blocked, ...]:
        """Why ports among these do not complete: each with the first hop that drops a packet to it."""
        left = without(among, self.complete)
        found: list[Blocked] = []
        for leg in self.legs:
            for verdict in leg.verdicts:
                if verdict.passes or not left:
                    continue
                axis = Axis.TARGET_PORT if verdict.direction is Direction.FORWARD else Axis.SOURCE_PORT
                hit = without(left, without([(0, 65_535)], verdict.packets.values(axis)))
                if hit:
                    at_ports = union(
                        PacketSet.of(target_port=ports) if axis is Axis.TARGET_PORT else PacketSet.of(source_port=ports)
                        for ports in hit
                    )
                    found.append(Blocked(ports=hit, verdict=verdict, example=(verdict.packets & at_ports).example()))
                    left = without(left, hit)
        return tuple(found)


def journey(network: Network, source: End, target: End, *, protocol: Interval = TCP_ONLY) -> Journey:
    """Every round trip from one end to another.

    Answers to TCP and UDP have the ports exchanged. Of other protocols only what is delivered can be told.
    """
    if isinstance(source, Interface) and isinstance(target, Interface):
        return _inside(network, source, target, protocol)
    if isinstance(source, Interface) and not isinstance(target, Interface):
        return _outward(network, source, target, protocol)
    if isinstance(target, Interface) and not isinstance(source, Interface):
        return _inward(network, source, target, protocol)
    return Journey(source=source, target=target, protocol=protocol, legs=(), refused="both ends are outside")


def _inside(network: Network, source: Interface, target: Interface, protocol: Interval) -> Journey:
    here, there = network.subnets[source.subnet], network.subnets[target.subnet]
    if here.vpc != there.vpc:
        why = "they are in different VPCs"
        return Journey(source=source, target=target, protocol=protocol, legs=(), refused=why)
    sent = _packets(protocol, _blocks(here), source.client_ports, _blocks(there))
    trip = _Trip(sent)
    trip.forward(
        through_groups(trip.flying, network, source, egress=True, peer=_as_peer(target), direction=trip.direction)
    )
    if not trip.flying:
        # Most pairs end here.
        return Journey(source=source, target=target, protocol=protocol, legs=(trip.leg(),))
    if here is not there:
        _cross(trip, here, there, {Way.LOCAL})
    trip.forward(
        through_groups(trip.flying, network, target, egress=False, peer=_as_peer(source), direction=trip.direction)
    )
    trip.turn()
    if here is not there:
        _cross(trip, there, here, {Way.LOCAL})
    return Journey(source=source, target=target, protocol=protocol, legs=(trip.leg(),))


def _outward(network: Network, source: Interface, target: Internet | Service, protocol: Interval) -> Journey:
    here = network.subnets[source.subnet]
    service = target.name if isinstance(target, Service) else None
    sent = _packets(protocol, _blocks(here), source.client_ports, PUBLIC_ADDRESSES)
    trip = _Trip(sent)
    peer = Peer(service=service)
    trip.forward(through_groups(trip.flying, network, source, egress=True, peer=peer, direction=trip.direction))
    trip.forward(through_acl(trip.flying, here.acl, egress=True, direction=trip.direction))
    gateway = _nat_of(network, here)
    ways = {Way.ENDPOINT} if service else set()
    ways |= {Way.INTERNET} if source.public else set()
    ways |= {Way.NAT} if gateway else set()
    trip.forward(through_routes(trip.flying, here, wanted=ways, service=service, direction=trip.direction))
    endpoint = next((route for route in here.routes if service and route.service == service), None)
    if endpoint is not None or not gateway or here.route_to_internet:
        trip.turn()
        trip.forward(through_acl(trip.flying, here.acl, egress=False, direction=trip.direction))
        through = (endpoint.name,) if endpoint else ()
        return Journey(source=source, target=target, protocol=protocol, legs=(trip.leg(),), through=through)

    there = network.subnets[gateway.subnet]
    if here is not there:
        trip.forward(through_acl(trip.flying, there.acl, egress=False, direction=trip.direction))
    beyond = _beyond_nat(protocol, there, service)
    trip.turn()
    if here is not there:
        _cross(trip, there, here, {Way.LOCAL})
    legs = (trip.leg(), beyond)
    return Journey(source=source, target=target, protocol=protocol, legs=legs, through=(gateway.name,))


def _beyond_nat(protocol: Interval, there: Subnet, service: str | None) -> Leg:
    """From the NAT gateway's own address to the outside and back. It picks any of its ports."""
    trip = _Trip(_packets(protocol, _blocks(there), NAT_PORTS, PUBLIC_ADDRESSES))
    trip.forward(through_acl(trip.flying, there.acl, egress=True, direction=trip.direction))
    ways = {Way.INTERNET, Way.ENDPOINT} if service else {Way.INTERNET}
    trip.forward(through_routes(trip.flying, there, wanted=ways, service=service, direction=trip.direction))
    trip.turn()
    trip.forward(through_acl(trip.flying, there.acl, egress=False, direction=trip.direction))
    return trip.leg()


def _inward(network: Network, source: Internet | Service, target: Interface, protocol: Interval) -> Journey:
    there = network.subnets[target.subnet]
    if isinstance(source, Service):
        why = "gateway endpoints only answer"
        return Journey(source=source, target=target, protocol=protocol, legs=(), refused=why)
    if not target.public:
        why = "it has no public address"
        return Journey(source=source, target=target, protocol=protocol, legs=(), refused=why)
    # Without a route there it gets packets all the same; it is the answers that find no way.
    if there.vpc not in network.on_internet:
        why = "its VPC has no internet gateway"
        return Journey(source=source, target=target, protocol=protocol, legs=(), refused=why)
    trip = _Trip(_packets(protocol, PUBLIC_ADDRESSES, INTERNET_PORTS, _blocks(there)))
    trip.forward(through_acl(trip.flying, there.acl, egress=False, direction=trip.direction))
    trip.forward(through_groups(trip.flying, network, target, egress=False, peer=Peer(), direction=trip.direction))
    trip.turn()
    trip.forward(through_acl(trip.flying, there.acl, egress=True, direction=trip.direction))
    trip.forward(through_routes(trip.flying, there, wanted={Way.INTERNET}, service=None, direction=trip.direction))
    return Journey(source=source, target=target, protocol=protocol, legs=(trip.leg(),))


class _Trip:
    """A set of packets under way: forward until `turn`, from then on the answers to what arrived."""

    def __init__(self, sent: PacketSet) -> None:
        self._sent = sent
        self._passages: list[Passage] = []
        self._delivered: PacketSet | None = None
        self.flying = sent
        self.direction = Direction.FORWARD

    def forward(self, passage: Passage) -> None:
        self._passages.append(passage)
        self.flying = passage.passed

    def turn(self) -> None:
        self._delivered = self.flying
        self.flying = self.flying.answers()
        self.direction = Direction.RETURN

    def leg(self) -> Leg:
        return Leg(
            sent=self._sent,
            passages=tuple(self._passages),
            delivered=NOTHING if self._delivered is None else self._delivered,
            complete=self.flying.answers(),
        )


def _cross(trip: _Trip, here: Subnet, there: Subnet, ways: set[Way]) -> None:
    """From one subnet of the VPC into another."""
    trip.forward(through_acl(trip.flying, here.acl, egress=True, direction=trip.direction))
    trip.forward(through_routes(trip.flying, here, wanted=ways, service=None, direction=trip.direction))
    trip.forward(through_acl(trip.flying, there.acl, egress=False, direction=trip.direction))


def gateway_of(network: Network, end: End) -> Interface | None:
    """The NAT gateway that an end's subnet has a route to, when it is there."""
    return _nat_of(network, network.subnets[end.subnet]) if isinstance(end, Interface) else None


def _nat_of(network: Network, subnet: Subnet) -> Interface | None:
    """The NAT gateway that a subnet's default route leads to, when it is there."""
    targets = {route.target for route in subnet.routes if route.way is Way.NAT}
    return next((interface for interface in network.interfaces if interface.owner in targets), None)


def _as_peer(interface: Interface) -> Peer:
    return Peer(groups=interface.groups)


def _blocks(subnet: Subnet) -> tuple[Interval, ...]:
    return (interval_of(subnet.block),)


@lru_cache(maxsize=100_000)
def _packets(
    protocol: Interval, sources: tuple[Interval, ...], source_ports: Interval, targets: tuple[Interval, ...]
) -> PacketSet:
    # What stands in the place of a port means something else in protocols that have none.
    with_ports = protocol in {TCP_ONLY, UDP_ONLY}
    return union(
        PacketSet.of(
            protocol=protocol, source=source, source_port=source_ports if with_ports else EVERY_PORT, target=target
        )
        for source in sources
        for target in targets
    )


def _in_all(sets: Sequence[tuple[Interval, ...]]) -> tuple[Interval, ...]:
    """Values that are in every one of some sets; none when there is no set."""
    if not sets:
        return ()
    return reduce(lambda left, other: without(left, without([(0, 65_535)], other)), sets)
