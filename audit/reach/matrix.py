"""Every ordered pair of interfaces, and the internet: which ports complete a round trip, and what decides the rest."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.reach.journey import TCP_ONLY, UDP_ONLY, Blocked, End, Internet, Journey, Service, gateway_of, journey
from audit.reach.network import Interface, Network, Way
from audit.reach.packets import TCP, UDP, Interval

PROTOCOLS: dict[str, Interval] = {"tcp": TCP_ONLY, "udp": UDP_ONLY}
OTHERS: tuple[Interval, ...] = ((0, TCP - 1), (TCP + 1, UDP - 1), (UDP + 1, 255))
"""Protocols without ports: of them only what is delivered counts."""
Known = dict[tuple[Any, ...], Journey]
"""Journeys by everything that they depend on, in the conditions of one network."""
EVERY_PORT: tuple[Interval, ...] = ((0, 65_535),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The journeys from one end to another, by protocol."""

    source: End
    target: End
    journeys: dict[str, Journey]
    others: tuple[Journey, ...]

    @property
    def connected(self) -> bool:
        """Whether any round trip at all completes."""
        return any(found.some for found in self.journeys.values())


def ends(network: Network) -> tuple[End, ...]:
    """Every interface, the internet, and the services that gateway endpoints lead to."""
    services = {
        route.service
        for subnet in network.subnets.values()
        for route in subnet.routes
        if route.way is Way.ENDPOINT and route.service is not None
    }
    return (*network.interfaces, Internet(), *(Service(name) for name in sorted(services)))


def pairs(network: Network, *, known: Known | None = None) -> Iterator[Pair]:
    """All ordered pairs of different ends. Interfaces that are alike are judged once.

    Args:
        network: all of it, or without a zone.
        known: what was judged, to be shared between conditions of one network and nothing else.
    """
    found: Known = {} if known is None else known

    def judged(source: End, target: End, protocol: Interval) -> Journey:
        # Of everything that may be gone with a zone, only its NAT gateway takes part in journeys of others.
        way_out = gateway_of(network, source) if not isinstance(target, Interface) else None
        key = (_alike(source), _alike(target), protocol, way_out)
        if key not in found:
            found[key] = journey(network, source, target, protocol=protocol)
        return found[key]

    everyone = ends(network)
    for source in everyone:
        for target in everyone:
            if source is target or not (isinstance(source, Interface) or isinstance(target, Interface)):
                continue
            yield Pair(
                source=source,
                target=target,
                journeys={name: judged(source, target, protocol) for name, protocol in PROTOCOLS.items()},
                others=tuple(judged(source, target, protocol) for protocol in OTHERS),
            )


def _alike(end: End) -> tuple[Any, ...]:
    """Ends with the same key send and receive the same packets."""
    if isinstance(end, Interface):
        return (end.subnet, end.groups, end.public, end.client_ports)
    return (end,)


def as_json(network: Network) -> dict[str, Any]:
    """The matrix for programs: port ranges as [first, last], both included."""
    names = _names(network)
    return {
        "ends": [_end(end, names[end]) for end in ends(network)],
        "pairs": [_pair(pair, names) for pair in pairs(network)],
    }


def _names(network: Network) -> dict[End, str]:
    """`LogicalId @ Subnet`, with the stack's name in front where two stacks have the same."""
    everyone = ends(network)
    count = Counter(map(str, everyone))
    return {
        end: f"{end.owner.stack}.{end}" if isinstance(end, Interface) and count[str(end)] > 1 else str(end)
        for end in everyone
    }


def _end(end: End, name: str) -> dict[str, Any]:
    if isinstance(end, Interface):
        return {
            "id": name,
            "kind": end.kind.value,
            "owner": str(end.owner),
            "subnet": str(end.subnet),
            "path": end.name,
            "public": end.public,
            "client_ports": list(end.client_ports),
        }
    return {"id": name, "kind": "internet" if isinstance(end, Internet) else "service"}


def _pair(pair: Pair, names: Mapping[End, str]) -> dict[str, Any]:
    return {
        "from": names[pair.source],
        "to": names[pair.target],
        "other_protocols": any(found.delivered for found in pair.others),
        **{name: _journey(found) for name, found in pair.journeys.items()},
    }


def _journey(found: Journey) -> dict[str, Any]:
    if found.refused is not None:
        blocked = [{"ports": [list(EVERY_PORT[0])], "direction": "forward", "hop": "addresses", "rule": found.refused}]
        return {"complete": [], "partial": [], "delivered": [], "blocked": blocked}
    return {
        "complete": [list(ports) for ports in found.complete],
        "partial": [{"ports": list(ports), "share": round(found.share(ports[0]), 6)} for ports in found.partial],
        "delivered": [list(ports) for ports in found.delivered],
        "blocked": [_blocked(item) for item in found.blocked()],
        "through": list(found.through),
    }


def _blocked(item: Blocked) -> dict[str, Any]:
    return {
        "ports": [list(ports) for ports in item.ports],
        "direction": item.verdict.direction.value,
        "hop": item.verdict.hop,
        "rule": item.verdict.rule,
        "example": str(item.example),
    }
