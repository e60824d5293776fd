"""Network paths that a change opens or closes: the packets of two networks held against each other, not their rules.

Beside the interfaces of the templates, every tier of subnets is given somebody whose own security groups let everything
pass. What such a newcomer reaches, and who reaches it, is what rules over addresses allow to whoever is put there.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from audit.assembly import Address
from audit.reach.journey import End, Journey
from audit.reach.matrix import EVERY_PORT, Pair, pairs
from audit.reach.network import GroupRule, Interface, Kind, Network, SecurityGroup
from audit.reach.packets import EVERYTHING, Axis, Interval, Packet, PacketSet, merged, without

_OPEN = Address("", "whatever")
"""The security group of the newcomers."""
_OTHERS = "protocols without ports"


class Way(StrEnum):
    """What becomes of a path."""

    OPENED = "opened"
    CLOSED = "closed"
    ANSWERED = "answered now"
    UNANSWERED = "no longer answered"


class Layer(StrEnum):
    """Who has the path."""

    PARTIES = "interfaces of the templates"
    ANYBODY = "anything in these subnets"
    EDGES = "network ACLs and routes alone"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PathChange:
    """One path between two groups of interfaces that is not as it was.

    Attributes:
        protocols: such as `tcp`.
        ports: destination ports, first and last.
        zones: pairs of zones that it is about; empty when it is about all of them.
        packet: one that arrives now and did not, or the other way round.
    """

    layer: Layer
    way: Way
    source: str
    target: str
    protocols: tuple[str, ...]
    ports: tuple[Interval, ...]
    zones: tuple[tuple[str, str], ...] = ()
    packet: str = ""


def path_changes(base: Network, head: Network) -> tuple[PathChange, ...]:
    """What differs between two networks, by groups of interfaces.

    Args:
        base: with the head's names, so that a renamed resource is the same end.
        head: what is proposed.
    """
    before, after = _Judged(with_newcomers(base)), _Judged(with_newcomers(head))
    found: dict[tuple[Way, str, str, str], _Found] = defaultdict(_Found)
    for key in sorted({*before.journeys, *after.journeys}):
        old, new = before.journeys.get(key), after.journeys.get(key)
        for way, ports, packet in _compared(old, new, before.of_labels[key.labels], after.of_labels[key.labels]):
            found[(way, *key.labels)].add(key, ports, packet)
    return tuple(sorted(_merged(found, {*before.zone_pairs(), *after.zone_pairs()}, before, after)))


def with_newcomers(network: Network) -> Network:
    """The network with one more interface in every subnet, which its own security group never stops."""
    everything = (GroupRule(packets=EVERYTHING, name="everything"),)
    tiers = tiers_of(network)
    group = SecurityGroup(address=_OPEN, name="whatever", ingress=everything, egress=everything)
    newcomers = tuple(
        Interface(
            owner=_OPEN,
            name=f"anything in {tiers[address]} subnets",
            kind=Kind.INSTANCE,
            subnet=address,
            groups=frozenset({_OPEN}),
            public=True,
        )
        for address, subnet in sorted(network.subnets.items())
    )
    groups = {**network.groups, _OPEN: group}
    return replace(network, groups=groups, interfaces=(*network.interfaces, *newcomers))


def tiers_of(network: Network) -> dict[Address, str]:
    """`private app` for `Network/Subnets/PrivateAppA`: what the names of subnets in several zones have in common."""
    names = {address: _last(subnet.name) for address, subnet in network.subnets.items()}
    stems = {address: _without_zone(name, network.subnets[address].zone) for address, name in names.items()}
    # A name may end like its zone by chance.
    shared = {stem for stem in stems.values() if list(stems.values()).count(stem) > 1}
    return {address: words(stems[address] if stems[address] in shared else name) for address, name in names.items()}


def _without_zone(name: str, zone: str) -> str:
    number = re.sub(r"\d+$", "", name)
    letter = name[:-1] if name[-1:].lower() == zone[-1:].lower() else name
    return (number if number != name else letter).removesuffix("Subnet") or name


def words(name: str) -> str:
    """`session store` of `SessionStore`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _last(path: str) -> str:
    """The end of a construct's path, or of an address where there is no path."""
    parts = [part for part in path.split("/") if part not in {"Subnet", "Resource"}] or [path]
    return parts[-1].rpartition(".")[2]


@dataclass(frozen=True, slots=True, order=True)
class _Key:
    """A journey in any network."""

    labels: tuple[str, str, str]
    """Source, target and protocol as they are told."""
    source: str
    target: str
    zones: tuple[str, str]


class _Judged:
    """All journeys of a network, by what is the same in another one."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.journeys: dict[_Key, Journey] = {}
        self.of_labels: dict[tuple[str, str, str], list[Journey]] = defaultdict(list)
        self.newcomers = {end.name for end in network.interfaces if end.owner == _OPEN}
        for pair in pairs(network):
            for protocol, found in self._of(pair):
                key = _Key(
                    (self._label(pair.source), self._label(pair.target), protocol),
                    _identity(pair.source),
                    _identity(pair.target),
                    (self._zone(pair.source), self._zone(pair.target)),
                )
                self.journeys[key] = found
                self.of_labels[key.labels].append(found)

    def zone_pairs(self) -> Iterator[tuple[tuple[str, str, str], tuple[str, str]]]:
        """Every pair of zones that two groups have interfaces in."""
        return ((key.labels, key.zones) for key in self.journeys)

    def _of(self, pair: Pair) -> Iterator[tuple[str, Journey]]:
        yield from pair.journeys.items()
        for index, found in enumerate(pair.others):
            # What stands below, between and above TCP and UDP is told as one, and judged apart.
            yield f"{_OTHERS}#{index}", found

    def _label(self, end: End) -> str:
        if not isinstance(end, Interface):
            return str(end) if str(end) == "internet" else str(end).upper()
        if end.owner == _OPEN:
            return end.name
        if end.kind is Kind.NAT:
            return "NAT gateways"
        names = sorted(words(_last(self._network.groups[group].name)) for group in end.groups)
        return " and ".join(names) or end.name

    def _zone(self, end: End) -> str:
        return self._network.subnets[end.subnet].zone if isinstance(end, Interface) else ""


def _identity(end: End) -> str:
    return f"{end.owner} {end.name} {end.subnet}" if isinstance(end, Interface) else str(end)


@dataclass(slots=True)
class _Found:
    """Ports, zones and an example of one kind of change between two groups."""

    ports: tuple[Interval, ...] = ()
    zones: frozenset[tuple[str, str]] = frozenset()
    packet: Packet | None = None

    def add(self, key: _Key, ports: tuple[Interval, ...], packet: Packet | None) -> None:
        self.ports = merged((*self.ports, *ports))
        self.zones |= {key.zones}
        self.packet = self.packet or packet


def _compared(
    old: Journey | None, new: Journey | None, all_old: list[Journey], all_new: list[Journey]
) -> Iterator[tuple[Way, tuple[Interval, ...], Packet | None]]:
    """What is opened and closed between two ends; an end that is new or gone is held against its whole group."""
    gained, more = _more(new, old, all_old)
    lost, less = _more(old, new, all_new)
    if gained:
        yield Way.OPENED, gained, more
    if lost:
        yield Way.CLOSED, lost, less
    if old is None or new is None:
        return
    if answered := without(without(new.some, old.some), gained):
        yield Way.ANSWERED, answered, _example(new, answered)
    broken = without(without(old.complete, new.complete), lost)
    if broken:
        yield Way.UNANSWERED, broken, _example(old, broken)


def _more(
    one: Journey | None, other: Journey | None, others: Iterable[Journey]
) -> tuple[tuple[Interval, ...], Packet | None]:
    """Ports to which one journey delivers packets that another does not."""
    if one is None:
        return (), None
    if other is None:
        ports = without(one.delivered, merged(interval for item in others for interval in item.delivered))
        return ports, _example(one, ports)
    if len(one.legs) == len(other.legs) == 1 and one.legs[0].sent == other.legs[0].sent:
        packets = one.legs[0].delivered - other.legs[0].delivered
        return packets.values(Axis.TARGET_PORT), _typical(packets)
    # Their addresses differ, or a NAT gateway stands between: ports can be compared, packets cannot.
    ports = without(one.delivered, other.delivered)
    return ports, _example(one, ports)


def _example(found: Journey, ports: Iterable[Interval]) -> Packet | None:
    for interval in ports:
        if found.legs:
            return _typical(found.legs[-1].delivered & PacketSet.of(target_port=interval))
    return None


def _typical(packets: PacketSet) -> Packet | None:
    """A packet of a set that could have been seen: hosts' addresses and a client's port, where the set has such."""
    if not packets:
        return None
    box = min(packets.boxes, key=lambda candidate: candidate.intervals)
    wanted = {Axis.SOURCE: box[Axis.SOURCE][0] + 10, Axis.TARGET: box[Axis.TARGET][0] + 10, Axis.SOURCE_PORT: 50_000}
    return Packet(
        *(min(max(wanted.get(axis, low), low), high) for axis, (low, high) in zip(Axis, box.intervals, strict=True))
    )


def _merged(
    found: Mapping[tuple[Way, str, str, str], _Found],
    zones: Iterable[tuple[tuple[str, str, str], tuple[str, str]]],
    before: _Judged,
    after: _Judged,
) -> Iterator[PathChange]:
    """One change for all protocols with the same ports, without zones where it is about all of them."""
    everywhere: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for labels, pair in zones:
        everywhere[labels].add(pair)
    newcomers = before.newcomers | after.newcomers
    grouped: dict[tuple[Way, str, str, tuple[Interval, ...], tuple[tuple[str, str], ...]], dict[str, str]] = {}
    for (way, source, target, protocol), item in sorted(found.items()):
        partial = tuple(sorted(item.zones)) if item.zones != everywhere[(source, target, protocol)] else ()
        name = protocol.partition("#")[0]
        ports = item.ports if name != _OTHERS else EVERY_PORT
        grouped.setdefault((way, source, target, ports, partial), {}).setdefault(name, str(item.packet or ""))
    for (way, source, target, ports, partial), packets in grouped.items():
        strangers = (source in newcomers) + (target in newcomers)
        outside = source == "internet" or target == "internet" or target.isupper()
        edges = strangers == 2 or (strangers == 1 and outside)
        yield PathChange(
            layer=Layer.EDGES if edges else Layer.ANYBODY if strangers else Layer.PARTIES,
            way=way,
            source=source,
            target=target,
            protocols=tuple(packets),
            ports=ports,
            zones=partial,
            packet=next(iter(packets.values())),
        )
