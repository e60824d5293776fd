"""Single points of failure that a change makes or mends."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly
from audit.reach.network import Network
from audit.spof.judge import judge
from audit.spof.read import read_components


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PointChange:
    """One thing whose death alone stops something, in one of two assemblies only.

    Attributes:
        what: such as `one of database` or `zone eu-west-1a`.
        gained: it is new, therefore worse.
        stops: what users lose by it in one of them and do not in the other.
    """

    what: str
    gained: bool
    stops: tuple[str, ...]


def point_changes(base: Assembly, head: Assembly, networks: tuple[Network, Network]) -> tuple[PointChange, ...]:
    """What differs between the single points of two assemblies."""
    return tuple(sorted(_changes(_points(base, networks[0]), _points(head, networks[1]))))


def _changes(before: dict[str, set[str]], after: dict[str, set[str]]) -> Iterator[PointChange]:
    for what in {*before, *after}:
        old, new = before.get(what, set()), after.get(what, set())
        for gained, stops in ((True, new - old), (False, old - new)):
            if stops:
                yield PointChange(what=what, gained=gained, stops=tuple(sorted(stops)))


def _points(assembly: Assembly, network: Network) -> dict[str, set[str]]:
    judgement = judge(read_components(assembly, network), network.zones)
    found: dict[str, set[str]] = {}
    for death in judgement.single_points:
        found.setdefault(death.what, set()).update(map(str, death.stops))
    return found
