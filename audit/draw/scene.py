"""What a picture shows: groups of interfaces by zone and tier, and the flows between them that the proof found."""

from collections import Counter
from dataclasses import dataclass

from audit.reach.journey import End
from audit.reach.network import Interface, Kind, Subnet, Way
from audit.reach.packets import merged
from audit.reach.prove import Case, Proof

INTERNET = "internet"
_NAT = "NAT gateway"


@dataclass(frozen=True, order=True)
class Spot:
    """Where a group of interfaces stands; the outside has neither tier nor zone."""

    name: str
    tier: int = -1
    zone: str = ""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Subnets that are guarded and routed alike.

    Attributes:
        name: what its network ACL is called.
        route: where its default route leads.
    """

    name: str
    route: str


@dataclass(frozen=True, order=True, kw_only=True)
class Arrow:
    """Round trips that complete for every packet, from each member of one group to each of the other.

    Attributes:
        ports: TCP ports for people, such as `80, 443`.
        note: where not all of the other group are reached: the zones that are, or that it is only some of them.
    """

    source: Spot
    target: Spot
    ports: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything in the picture."""

    title: str
    zones: tuple[str, ...]
    tiers: tuple[Tier, ...]
    spots: dict[Spot, int]
    blocks: dict[tuple[int, str], str]
    services: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    caption: tuple[str, ...]


def scene(case: Case, proofs: tuple[Proof, ...], *, title: str) -> Scene:
    """What a proved network looks like."""
    network = case.network
    tier_of = {address: _tier(subnet) for address, subnet in network.subnets.items()}
    tiers = tuple(sorted(set(tier_of.values()), key=lambda tier: (_ROUTES.index(tier.route), tier.name)))
    places = {item: _spot(case, item, tiers.index(tier_of[item.subnet])) for item in network.interfaces}
    blocks: dict[tuple[int, str], str] = {}
    for address, subnet in network.subnets.items():
        where = (tiers.index(tier_of[address]), subnet.zone)
        blocks[where] = f"{blocks[where]}, {subnet.block}" if where in blocks else str(subnet.block)
    arrows = _arrows(case, places)
    return Scene(
        title=title,
        zones=network.zones,
        tiers=tiers,
        spots=dict(Counter(places.values())),
        blocks=blocks,
        services=tuple(sorted({arrow.target.name for arrow in arrows if arrow.target.tier < 0} - {INTERNET})),
        arrows=arrows,
        caption=_caption(proofs),
    )


_ROUTES = ("internet gateway", "NAT gateway", "none")


def _tier(subnet: Subnet) -> Tier:
    ways = {route.way for route in subnet.routes}
    route = _ROUTES[0] if Way.INTERNET in ways else _ROUTES[1] if Way.NAT in ways else _ROUTES[2]
    name = subnet.acl.name.rsplit("/", 1)[-1]
    return Tier(name="default ACL" if name.endswith("default network ACL") else name, route=route)


def _spot(case: Case, interface: Interface, tier: int) -> Spot:
    zone = case.network.subnets[interface.subnet].zone
    parties = sorted(case.parties(interface))
    named = " and ".join(parties) or interface.owner.logical_id
    return Spot(_NAT if interface.kind is Kind.NAT else named, tier, zone)


def _arrows(case: Case, places: dict[Interface, Spot]) -> tuple[Arrow, ...]:
    """One arrow from each zone to its own zone's group, or to another's where there is none; gateways in between."""

    def spot(end: End) -> Spot:
        return places[end] if isinstance(end, Interface) else Spot(str(end))

    gateways = {item.name: places[item] for item in places if item.kind is Kind.NAT}
    ports: dict[tuple[Spot, Spot], set[tuple[tuple[int, int], ...]]] = {}
    members: Counter[Spot] = Counter(places.values())
    pairs_of: Counter[tuple[Spot, Spot]] = Counter()
    for pair in case.pairs:
        found = pair.journeys["tcp"]
        if not found.complete:
            continue
        here, there = spot(pair.source), spot(pair.target)
        through = [gateways[name] for name in found.through if name in gateways]
        pairs_of[here, there] += 1
        for one, other in zip((here, *through), (*through, there), strict=True):
            ports.setdefault((one, other), set()).add(found.complete)
    reached: dict[tuple[Spot, str], dict[str, Spot]] = {}
    for here, there in ports:
        reached.setdefault((here, there.name), {})[there.zone] = there
    arrows = []
    for (here, name), by_zone in reached.items():
        drawn = [by_zone[here.zone]] if here.zone in by_zone else list(by_zone.values())
        everywhere = {place.zone for place in members if place.name == name}
        note = "" if set(by_zone) >= everywhere or here == Spot(INTERNET) else f"{', '.join(sorted(by_zone))} only"
        for there in drawn:
            intervals = merged(interval for found in ports[here, there] for interval in found)
            words = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in intervals)
            some = len(ports[here, there]) > 1 or pairs_of[here, there] < members.get(here, 1) * members.get(there, 1)
            by_gateway = _NAT in {here.name, name}
            arrows.append(
                Arrow(
                    source=here, target=there, ports=words, note="" if by_gateway else note or ("some" if some else "")
                )
            )
    return tuple(sorted(arrows))


def _caption(proofs: tuple[Proof, ...]) -> tuple[str, ...]:
    """What was proved, of the whole and without each zone."""
    lines = []
    for lost in dict.fromkeys(proof.lost for proof in proofs):
        of_this = [proof for proof in proofs if proof.lost == lost]
        proved = sum(proof.proved for proof in of_this)
        cases = sum(proof.cases for proof in of_this)
        condition = "With all zones" if lost is None else f"With {lost} lost"
        lines.append(f"{condition}: {proved} of {len(of_this)} statements proved over {cases} cases.")
        lines += [f"Refuted: {proof.statement}." for proof in of_this if not proof.proved]
    return tuple(lines)
