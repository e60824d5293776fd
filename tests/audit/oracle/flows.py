"""Which connections to try: every ordered pair of ends and every port, from all over the range that clients use."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import count
from random import Random

from tests.audit.oracle.plan import INTERNET, S3, Plan

_CALLED_MOST = {80, 443, 5432, 6379}
_ABOVE_1023 = (1024, 65_535)


@dataclass(frozen=True)
class Flow:
    """One connection. Addresses are the ends' own ones."""

    source: IPv4Address
    source_port: int
    target: IPv4Address
    target_port: int


def client_ports(plan: Plan) -> dict[IPv4Address, tuple[int, int]]:
    """First and last port that each end calls from. A NAT gateway calls nobody by itself."""
    ports = {place.address: place.ports for place in plan.places if not place.gateway}
    return {**ports, INTERNET: _ABOVE_1023}


def flows(plan: Plan) -> Iterator[Flow]:
    """Each pair and port once, from the first, the last or a middle port in turn; the usual ports from all three."""
    clients = client_ports(plan)
    random, turn = Random(7), count()
    for source, (first, last) in clients.items():
        for target in (*(place.address for place in plan.places), INTERNET, S3):
            if source == target or {source, target} <= {INTERNET, S3}:
                continue
            for port in plan.ports:
                middle = _other_than(plan, first, last, random)
                choices = [first, last, middle]
                # To a kernel a connection and its mirror image are one and the same.
                if port in clients.get(target, ()):
                    choices = [middle]
                chosen = choices if port in _CALLED_MOST else [choices[next(turn) % len(choices)]]
                for source_port in chosen:
                    yield Flow(source, source_port, target, port)


def repeated(plan: Plan, flow: Flow, times: int) -> Iterator[Flow]:
    """The same connection from other ports of the client, all different."""
    first, last = client_ports(plan)[flow.source]
    free = sorted(set(range(first, last + 1)) - set(plan.ports) - {first, last})
    for port in Random(11).sample(free, times):
        yield Flow(flow.source, port, flow.target, flow.target_port)


def _other_than(plan: Plan, first: int, last: int, random: Random) -> int:
    """A port between two, which nobody listens on."""
    while (port := random.randint(first, last)) in plan.ports:
        pass
    return port
