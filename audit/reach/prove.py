"""Proves the invariants over every pair of interfaces, with all zones and with each one gone, or finds the packet
that breaks them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from audit.reach.invariants import Flow, Invariants
from audit.reach.journey import End, Internet, Journey, Service, journey
from audit.reach.matrix import PROTOCOLS, Known, Pair, ends, pairs
from audit.reach.network import AclRule, GroupRule, Interface, Kind, Network, NetworkAcl, Route, Subnet, Way
from audit.reach.packets import EVERYTHING, Interval, Packet, PacketSet, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Refutation:
    """One thing that breaks an invariant.

    Attributes:
        what: the two ends and what happens between them.
        hop: what decides, empty when nothing does: a packet that should have been stopped meets no obstacle.
        packet: one packet for which it is so.
    """

    what: str
    hop: str = ""
    packet: Packet | None = None

    def __str__(self) -> str:
        hop = f", decided by {self.hop}" if self.hop else ""
        packet = f"; counter-example: {self.packet}" if self.packet is not None else ""
        return f"{self.what}{hop}{packet}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One invariant: proved when nothing refutes it.

    Attributes:
        statement: what is claimed.
        cases: how many pairs, routes or interfaces were judged.
        lost: the zone that is gone, or None.
    """

    statement: str
    cases: int
    refutations: tuple[Refutation, ...] = ()
    lost: str | None = None

    @property
    def proved(self) -> bool:
        """Whether it holds."""
        return not self.refutations


class Case:
    """A network in one condition, with all its pairs judged and everybody's names looked up."""

    def __init__(self, network: Network, invariants: Invariants, *, known: Known | None = None) -> None:
        self.network = network
        self.invariants = invariants
        self.pairs = tuple(pairs(network, known=known))
        self._names = {end: self._names_of(end) for end in ends(network)}

    def parties(self, end: End) -> frozenset[str]:
        """The names that an end goes by."""
        return self._names[end]

    def flows(self, pair: Pair) -> tuple[Flow, ...]:
        """The listed flows that go from one end of a pair to the other."""
        here, there = self._names[pair.source], self._names[pair.target]
        return tuple(flow for flow in self.invariants.flows if flow.source in here and flow.target in there)

    def _names_of(self, end: End) -> frozenset[str]:
        if isinstance(end, Internet):
            return frozenset({"internet"})
        parties = self.invariants.parties.items()
        if isinstance(end, Service):
            return frozenset(name for name, party in parties if party.service == end.name)
        groups = {self.network.groups[group].name for group in end.groups}
        return frozenset(name for name, party in parties if party.group in groups)


def cases(network: Network, invariants: Invariants, *, one_zone: bool = False) -> dict[str | None, Case]:
    """The network as it is, under None, and unless it only claims to work with all zones, without each."""
    known: Known = {}
    found: dict[str | None, Case] = {None: Case(network, invariants, known=known)}
    if not one_zone:
        found |= {zone: Case(network.without_zone(zone), invariants, known=known) for zone in network.zones}
    return found


def prove(network: Network, invariants: Invariants, *, one_zone: bool = False) -> tuple[Proof, ...]:
    """Judge every invariant, and all that a lost zone could break once more for each zone.

    Args:
        network: what is deployed.
        invariants: what must hold.
        one_zone: the network does not claim to survive the loss of a zone: leave out what is about that, and that
            every zone has its own NAT gateway.
    """
    if one_zone:
        invariants = invariants.model_copy(update={"own_zone_nat": False})
    return prove_cases(cases(network, invariants, one_zone=one_zone))


def prove_cases(found: Mapping[str | None, Case]) -> tuple[Proof, ...]:
    """Judge every invariant over conditions of a network."""
    whole = found[None]
    # What nobody asked for is not claimed: a statement about nothing would be proved.
    asked = _asked(whole.invariants)
    proofs = [_everybody_is_known(whole), *_flows(whole), *(check(whole) for check in asked)]
    for zone, case in found.items():
        if zone is not None:
            again = [check(case) for check in asked if check in {_nothing_else, _own_nat}]
            proofs += [replace(proof, lost=zone) for proof in (*_flows(case), *again)]
    return tuple(proofs)


def _everybody_is_known(case: Case) -> Proof:
    """An interface that no party claims would be outside of every other statement."""
    wrong = []
    interfaces = [interface for interface in case.network.interfaces if interface.kind is not Kind.NAT]
    for interface in interfaces:
        names = sorted(case.parties(interface))
        if len(names) != 1:
            which = f"is {' and '.join(names)}" if names else "belongs to no party"
            wrong.append(Refutation(what=f"{interface} ({interface.name}) {which}"))
        for name, party in case.invariants.parties.items():
            if party.kind == interface.kind.value and name not in names:
                what = f"{interface} ({interface.name}) is of kind {party.kind} and does not belong to {name}"
                wrong.append(Refutation(what=what))
    return Proof(
        statement="every interface belongs to exactly one party", cases=len(interfaces), refutations=tuple(wrong)
    )


def _flows(case: Case) -> Iterator[Proof]:
    """Each listed flow completes for every packet, from every zone to every zone."""
    listed = [(pair, case.flows(pair)) for pair in case.pairs]
    for flow in case.invariants.flows:
        between = [pair for pair, flows in listed if flow in flows]
        wrong = [item for pair in between for item in _incomplete(pair, flow)]
        if not between:
            wrong.append(Refutation(what=f"there is no {flow.source} or no {flow.target}: nothing was proved"))
        ports = ", ".join(map(str, flow.ports))
        yield Proof(
            statement=f"{flow.source} -> {flow.target} {flow.protocol} {ports} completes, both ways",
            cases=len(between),
            refutations=tuple(wrong),
        )


def _incomplete(pair: Pair, flow: Flow) -> Iterator[Refutation]:
    found = pair.journeys[flow.protocol]
    wanted = [(port, port) for port in flow.ports]
    missing = without(wanted, found.complete)
    if not missing:
        return
    if found.refused is not None:
        yield Refutation(what=f"{pair.source} -> {pair.target}", hop=found.refused)
        return
    for item in found.blocked(missing):
        share = found.share(item.ports[0][0])
        how = "never completes" if share == 0 else f"completes for {share:.4%} of the packets only"
        yield Refutation(
            what=f"{pair.source} -> {pair.target} port {_ranges(item.ports)} {how}",
            hop=f"{item.verdict.hop}: {item.verdict.rule} ({item.verdict.direction})",
            packet=item.example,
        )


def _nothing_else(case: Case) -> Proof:
    """Beside the listed flows not one packet arrives anywhere, answered or not."""
    wrong: list[Refutation] = []
    judged = [pair for pair in case.pairs if not _is_nat(pair.source) and not _is_nat(pair.target)]
    for pair in judged:
        flows = case.flows(pair)
        for name, found in pair.journeys.items():
            allowed = [(port, port) for flow in flows if flow.protocol == name for port in flow.ports]
            if extra := without(found.delivered, allowed):
                what = f"{pair.source} -> {pair.target} {name} {_ranges(extra)} is delivered and not listed"
                wrong.append(Refutation(what=what, packet=_arrives(found, extra)))
        for found in pair.others:
            if found.delivered:
                what = f"{pair.source} -> {pair.target}: protocols without ports are delivered and not listed"
                wrong.append(Refutation(what=what, packet=_arrives(found, found.delivered)))
    return Proof(statement="nothing else is delivered to anybody", cases=len(judged), refutations=tuple(wrong))


def _own_nat(case: Case) -> Proof:
    """No zone depends on another one's way out."""
    nats = {item.owner: case.network.subnets[item.subnet] for item in case.network.interfaces if item.kind is Kind.NAT}
    wrong, cases = [], 0
    for subnet in case.network.subnets.values():
        for route in subnet.routes:
            if route.way is not Way.NAT:
                continue
            cases += 1
            gateway = nats.get(route.target) if route.target else None
            if gateway is None or gateway.zone != subnet.zone:
                where = f"zone {gateway.zone}" if gateway else "a zone that is gone"
                wrong.append(Refutation(what=f"{subnet.name} in zone {subnet.zone}", hop=f"{route.name} to {where}"))
    return Proof(statement="every zone uses its own NAT gateway", cases=cases, refutations=tuple(wrong))


def _endpoints(case: Case) -> Proof:
    """What has to be called from every zone is there in every zone."""
    wrong = []
    for service in case.invariants.endpoints:
        there = {case.network.subnets[item.subnet].zone for item in case.network.interfaces if item.service == service}
        wrong += [
            Refutation(what=f"no interface endpoint for {service} in {zone}")
            for zone in case.network.zones
            if zone not in there
        ]
    names = ", ".join(case.invariants.endpoints)
    judged = len(case.invariants.endpoints) * len(case.network.zones)
    return Proof(statement=f"every zone has its endpoints: {names}", cases=judged, refutations=tuple(wrong))


def _never_through_nat(case: Case) -> Proof:
    services = set(case.invariants.never.through_nat)
    gateways = {interface.name for interface in case.network.interfaces if interface.kind is Kind.NAT}
    between = [
        pair for pair in case.pairs if services & case.parties(pair.target) and isinstance(pair.source, Interface)
    ]
    wrong = [
        Refutation(what=f"{pair.source} -> {pair.target}", hop=through)
        for pair in between
        for found in pair.journeys.values()
        for through in found.through
        if through in gateways and found.delivered
    ]
    names = ", ".join(sorted(services))
    return Proof(statement=f"{names} is never reached through NAT", cases=len(between), refutations=tuple(wrong))


def _never_internet(case: Case) -> Proof:
    parties = set(case.invariants.never.internet)
    members = [item for item in case.network.interfaces if parties & case.parties(item)]
    wrong = []
    for interface in members:
        subnet = case.network.subnets[interface.subnet]
        wrong += [
            Refutation(what=f"{interface}: its subnet has a route out", hop=f"{route.name} to {route.way}")
            for route in subnet.routes
            if route.way in {Way.INTERNET, Way.NAT}
        ]
        for name, protocol in PROTOCOLS.items():
            found = journey(case.network, interface, Internet(), protocol=protocol)
            if found.delivered:
                what = f"{interface} -> internet {name} {_ranges(found.delivered)} is delivered"
                wrong.append(Refutation(what=what, packet=_arrives(found, found.delivered)))
    names = ", ".join(sorted(parties))
    return Proof(statement=f"no way from {names} to the internet", cases=len(members), refutations=tuple(wrong))


def _never_ports(case: Case) -> Proof:
    closed = [(port, port) for port in case.invariants.never.ports]
    wrong = []
    for pair in case.pairs:
        for name, found in pair.journeys.items():
            hit = without(found.delivered, without([(0, 65_535)], closed))
            if hit and not _is_nat(pair.source):
                what = f"{pair.source} -> {pair.target} {name} {_ranges(hit)} is delivered"
                wrong.append(Refutation(what=what, packet=_arrives(found, hit)))
    ports = " and ".join(map(str, case.invariants.never.ports))
    return Proof(statement=f"ports {ports} are closed everywhere", cases=len(case.pairs), refutations=tuple(wrong))


def _each_layer_alone(case: Case) -> Proof:
    """One mistake is not enough: with one kind of filter wide open, a public address and a route, the other holds."""
    parties = set(case.invariants.never.through_one_layer)
    wrong, cases = [], 0
    for layer, opened in (("security groups", _open_acls), ("network ACLs", _open_groups)):
        network = opened(case.network)
        for original, interface in zip(case.network.interfaces, network.interfaces, strict=True):
            if not parties & case.parties(original):
                continue
            cases += 1
            for name, protocol in PROTOCOLS.items():
                found = journey(network, Internet(), interface, protocol=protocol)
                if found.delivered:
                    what = f"internet -> {interface} {name} {_ranges(found.delivered)} with {layer} alone"
                    wrong.append(Refutation(what=what, packet=_arrives(found, found.delivered)))
    names = ", ".join(sorted(parties))
    statement = f"security groups alone, and network ACLs alone, keep the internet from {names}"
    return Proof(statement=statement, cases=cases, refutations=tuple(wrong))


def _asked(invariants: Invariants) -> tuple[Callable[[Case], Proof], ...]:
    """The checks that the invariants ask for."""
    never = invariants.never
    checks: tuple[tuple[Callable[[Case], Proof], object], ...] = (
        (_nothing_else, True),
        (_own_nat, invariants.own_zone_nat),
        (_endpoints, invariants.endpoints),
        (_never_through_nat, never.through_nat),
        (_never_internet, never.internet),
        (_never_ports, never.ports),
        (_each_layer_alone, never.through_one_layer),
    )
    return tuple(check for check, wanted in checks if wanted)


def _open_acls(network: Network) -> Network:
    everything = (AclRule(number=1, allow=True, packets=EVERYTHING, name="opened"),)
    return _exposed(network, lambda subnet: replace(subnet.acl, ingress=everything, egress=everything))


def _open_groups(network: Network) -> Network:
    everything = (GroupRule(packets=EVERYTHING, name="opened"),)
    groups = {
        address: replace(group, ingress=everything, egress=everything) for address, group in network.groups.items()
    }
    return _exposed(replace(network, groups=groups), lambda subnet: subnet.acl)


def _exposed(network: Network, acl: Callable[[Subnet], NetworkAcl]) -> Network:
    """Every interface with a public address and a route to the internet."""
    out = Route(way=Way.INTERNET, block=IPv4Network("0.0.0.0/0"), name="opened")
    subnets = {
        address: replace(subnet, acl=acl(subnet), routes=(*subnet.routes, out))
        for address, subnet in network.subnets.items()
    }
    interfaces = tuple(replace(interface, public=True) for interface in network.interfaces)
    return replace(network, subnets=subnets, interfaces=interfaces, on_internet=frozenset(network.blocks))


def _arrives(found: Journey, ports: Iterable[Interval]) -> Packet | None:
    """A packet to one of these ports that arrives."""
    leg = found.legs[-1]
    for interval in ports:
        packet = (leg.delivered & PacketSet.of(target_port=interval)).example()
        if packet is not None:
            return packet
    return None


def _is_nat(end: End) -> bool:
    return isinstance(end, Interface) and end.kind is Kind.NAT


def _ranges(intervals: Sequence[Interval]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in intervals)
