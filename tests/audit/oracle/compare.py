"""Holds what the audit says of each packet against what the kernel did with it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from math import sqrt

from audit.assembly import Address
from audit.reach.hops import Direction
from audit.reach.journey import End, Internet, Journey, Service
from audit.reach.matrix import pairs
from audit.reach.network import Interface, Network
from audit.reach.packets import TCP, Packet, PacketSet
from tests.audit.oracle.flows import Flow, flows, repeated
from tests.audit.oracle.plan import INTERNET, S3, Place, Plan
from tests.audit.oracle.probe import Fate, probe
from tests.audit.oracle.templates import Id
from tests.audit.oracle.world import world

_REPEATS = 400
_DEVIATIONS = 5.0
Key = tuple[Id, Id, frozenset[Id], bool, tuple[int, int]]


class Outcome(StrEnum):
    """What becomes of a connection."""

    COMPLETES = "completes"
    ONE_WAY = "delivered, but not answered"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the audit says about one connection.

    Attributes:
        outcome: what becomes of it; where NAT picks a port that matters, what becomes of it at best.
        share: the part of NAT's ports with which it completes.
        hop: who drops it, and by which rule.
        through_nat: whether somebody rewrites it, so that only the client can tell what became of it.
    """

    outcome: Outcome
    share: float = 1.0
    hop: str = ""
    rule: str = ""
    answer: bool = False
    through_nat: bool = False


@dataclass
class Agreement:
    """The result.

    Attributes:
        flows: connections compared one by one.
        shares: groups of connections of which a part completes, compared by that part.
        hops: blocked connections of which both sides name the hop.
        disagreements: one text for each thing on which the two do not agree.
    """

    flows: int = 0
    shares: int = 0
    hops: int = 0
    wrong_flows: int = 0
    wrong_hops: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)


def compare(network: Network, plan: Plan) -> Agreement:
    """Build the plan, send every connection, and compare with what the audit says of the network."""
    found = Agreement()
    ends = _matched(network, plan, found.disagreements)
    if found.disagreements:
        return found
    journeys = {(pair.source, pair.target): pair.journeys["tcp"] for pair in pairs(network)}
    gateways = {str(plan.names[place.owner]): place.address for place in plan.places if place.gateway}
    chosen = list(flows(plan))
    says = {flow: _said(journeys[ends[flow.source], ends[flow.target]], flow, gateways) for flow in chosen}
    names = {address: str(end) for address, end in ends.items()}
    with world(plan) as built:
        fates = probe(built, chosen)
        again = [flow for flow in chosen if _wrong(says[flow], fates[flow])]
        # A busy machine may lose a packet; what disagrees twice does disagree.
        fates |= probe(built, again)
        for flow in chosen:
            _count(found, flow, says[flow], fates[flow], names)
        for flow in _partial(says):
            fates = probe(built, list(repeated(plan, flow, _REPEATS)))
            _compare_share(found, flow, says[flow], fates, names)
    return found


def _matched(network: Network, plan: Plan, problems: list[str]) -> dict[IPv4Address, End]:
    """The audit's ends by the oracle's addresses; a difference is one in the reading of templates."""
    unmatched: dict[Key, list[Interface]] = {}
    for interface in network.interfaces:
        unmatched.setdefault(_key_of(interface), []).append(interface)
    ends: dict[IPv4Address, End] = {INTERNET: Internet(), S3: Service("s3")}
    for place in plan.places:
        candidates = unmatched.get(_key(place))
        if candidates:
            ends[place.address] = candidates.pop()
        else:
            problems.append(f"the oracle sees an interface that the audit does not: {_key(place)}")
    left = [interface for interfaces in unmatched.values() for interface in interfaces]
    problems += [f"the audit sees an interface that the oracle does not: {_key_of(item)}" for item in left]
    return ends


def _key(place: Place) -> Key:
    return place.owner, place.area, place.groups, place.public, place.ports


def _key_of(interface: Interface) -> Key:
    groups = frozenset(map(_id, interface.groups))
    return _id(interface.owner), _id(interface.subnet), groups, interface.public, interface.client_ports


def _id(address: Address) -> Id:
    return address.stack, address.logical_id


def _said(found: Journey, flow: Flow, gateways: Mapping[str, IPv4Address]) -> Said:
    if found.refused is not None:
        return Said(outcome=Outcome.BLOCKED)
    packet = Packet(TCP, int(flow.source), int(flow.target), flow.source_port, flow.target_port)
    first, *beyond = found.legs
    through_nat = bool(beyond)
    if not _holds(first.complete, packet):
        answer = Packet(TCP, int(flow.target), int(flow.source), flow.target_port, flow.source_port)
        outcome = Outcome.ONE_WAY if _holds(first.delivered, packet) else Outcome.BLOCKED
        for verdict in first.verdicts:
            asked = packet if verdict.direction is Direction.FORWARD else answer
            if not verdict.passes and _holds(verdict.packets, asked):
                back = verdict.direction is Direction.RETURN
                return Said(outcome=outcome, hop=verdict.hop, rule=verdict.rule, answer=back, through_nat=through_nat)
        return Said(outcome=outcome, through_nat=through_nat)
    share = 1.0
    for leg in beyond:
        address = int(gateways[found.through[0]])
        rewritten = PacketSet.of(
            source=(address, address),
            target=(int(flow.target), int(flow.target)),
            target_port=(flow.target_port, flow.target_port),
        )
        share *= (leg.complete & rewritten).size / (leg.sent & rewritten).size
    return Said(outcome=Outcome.COMPLETES if share else Outcome.BLOCKED, share=share, through_nat=through_nat)


def _holds(packets: PacketSet, packet: Packet) -> bool:
    point = (packet.protocol, packet.source, packet.target, packet.source_port, packet.target_port)
    return any(
        all(first <= value <= last for value, (first, last) in zip(point, box.intervals, strict=True))
        for box in packets.boxes
    )


def _outcome(fate: Fate) -> Outcome:
    if fate.answered:
        return Outcome.COMPLETES
    return Outcome.ONE_WAY if fate.arrived else Outcome.BLOCKED


def _wrong(said: Said, fate: Fate) -> bool:
    if 0 < said.share < 1:
        return False
    if said.through_nat:
        return fate.answered != (said.outcome is Outcome.COMPLETES)
    return _outcome(fate) is not said.outcome


def _wrong_hop(said: Said, fate: Fate) -> bool:
    drop = fate.drop
    # Where a route leads to the wrong place, it is chance who drops a packet there.
    if drop is None or not said.hop or (said.hop.endswith(" routes") and said.rule != "no route"):
        return False
    return (drop.hop, drop.answer) != (said.hop, said.answer) or not said.rule.startswith(drop.rule)


def _count(found: Agreement, flow: Flow, said: Said, fate: Fate, names: Mapping[IPv4Address, str]) -> None:
    if 0 < said.share < 1:
        return
    found.flows += 1
    found.outcomes[said.outcome] += 1
    source, target = f"{flow.source}:{flow.source_port}", f"{flow.target}:{flow.target_port}"
    ends = f"{names[flow.source]} {source} -> {names[flow.target]} {target}"
    if _wrong(said, fate):
        found.wrong_flows += 1
        found.disagreements.append(
            f"{ends}: the audit says {said.outcome} {_by(said)}, the kernel {_outcome(fate)} ({fate.drop})"
        )
    elif fate.drop is not None and said.hop:
        found.hops += 1
        if _wrong_hop(said, fate):
            found.wrong_hops += 1
            found.disagreements.append(f"{ends}: the audit says it is dropped {_by(said)}, the kernel {fate.drop}")


def _by(said: Said) -> str:
    return f"by {said.hop} {said.rule} ({'answer' if said.answer else 'question'})" if said.hop else ""


def _partial(says: Mapping[Flow, Said]) -> Iterator[Flow]:
    """One connection of each pair and port where it depends on the port that NAT picks."""
    seen = set()
    for flow, said in says.items():
        pair = (flow.source, flow.target, flow.target_port)
        if 0 < said.share < 1 and pair not in seen:
            seen.add(pair)
            yield flow


def _compare_share(
    found: Agreement, flow: Flow, said: Said, fates: Mapping[Flow, Fate], names: Mapping[IPv4Address, str]
) -> None:
    answered: Iterable[bool] = [fate.answered for fate in fates.values()]
    share = sum(answered) / len(fates)
    found.shares += 1
    if abs(share - said.share) > _DEVIATIONS * sqrt(said.share * (1 - said.share) / len(fates)):
        found.disagreements.append(
            f"{names[flow.source]} -> {names[flow.target]} port {flow.target_port}: "
            f"the audit says that {said.share:.1%} complete, of {len(fates)} did {share:.1%}"
        )
