"""Sends real connections through a world, and tells of each whether it was answered, and where its packets ended."""

import json
import resource
import select
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from errno import ECONNREFUSED
from ipaddress import IPv4Address

from tests.audit.oracle import firewalls
from tests.audit.oracle.flows import Flow, client_ports
from tests.audit.oracle.kernel import Namespace
from tests.audit.oracle.plan import INTERNET, Plan
from tests.audit.oracle.world import World

Key = tuple[str, int, str, int]
"""Source address and port, target address and port."""

PATIENCE_S = 1.5
"""How long to wait for answers after the last packet was sent: the kernel asks again after one second."""
_RESET = struct.pack("ii", 1, 0)
_BACKLOG = 8192


@dataclass(frozen=True)
class Drop:
    """Who dropped a packet: the hop as the audit would name it, and the rule's number when it has one."""

    hop: str
    rule: str
    answer: bool


@dataclass(frozen=True)
class Fate:
    """What became of a connection.

    Attributes:
        answered: whether the client got an answer.
        arrived: whether the first packet reached the target.
        drop: who dropped it, when a counter tells.
    """

    answered: bool
    arrived: bool
    drop: Drop | None


def probe(world: World, flows: Sequence[Flow]) -> dict[Flow, Fate]:
    """Open all connections, and tell what became of each."""
    answered: set[Flow] = set()
    with ExitStack() as cleanup:
        for address, namespace in world.ends.items():
            cleanup.enter_context(_Listening(namespace, address, _taken(world.plan, address)))
        size = _batch_size()
        for start in range(0, len(flows), size):
            answered |= _connect(world, flows[start : start + size])
    arrived, drops = _arrived(world), dict(_drops(world))
    return {flow: _fate(world, flow, flow in answered, arrived, drops) for flow in flows}


class _Listening:
    """Somebody behind every port of an end, as long as the block runs."""

    def __init__(self, namespace: Namespace, address: IPv4Address, ports: Iterable[int]) -> None:
        self._namespace, self._address, self._ports = namespace, address, ports
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> None:
        with self._namespace.inside():
            for port in self._ports:
                listener = socket.socket()
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((str(self._address), port))
                listener.listen(_BACKLOG)
                self._sockets.append(listener)

    def __exit__(self, *_: object) -> None:
        for listener in self._sockets:
            listener.close()


def _taken(plan: Plan, address: IPv4Address) -> Iterator[int]:
    """Ports to listen on: all but those that the end calls from itself, where the kernel refuses, an answer too."""
    own = client_ports(plan).get(address, ())
    return (port for port in plan.ports if port not in own)


def _batch_size() -> int:
    """Connections at a time: as many as there may be open files, less those that listen."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1000, min(12_000, most // 2))


def _connect(world: World, flows: Sequence[Flow]) -> set[Flow]:
    """Open connections all at once; those that were answered."""
    poll = select.epoll()
    waiting: dict[int, tuple[socket.socket, Flow]] = {}
    answered: set[Flow] = set()
    try:
        for source, flow_group in _by_source(flows):
            with world.ends[source].inside():
                for flow in flow_group:
                    client = socket.socket()
                    client.setblocking(False)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    client.bind((str(flow.source), flow.source_port))
                    waiting[client.fileno()] = (client, flow)
                    client.connect_ex((str(_called(world, flow)), flow.target_port))
                    poll.register(client, select.EPOLLOUT)
        deadline = time.monotonic() + PATIENCE_S
        while waiting and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left):
                client, flow = waiting.pop(descriptor)
                poll.unregister(client)
                if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in {0, ECONNREFUSED}:
                    answered.add(flow)
                client.close()
    finally:
        poll.close()
        for client, _ in waiting.values():
            client.close()
    return answered


def _by_source(flows: Sequence[Flow]) -> Iterator[tuple[IPv4Address, list[Flow]]]:
    groups: dict[IPv4Address, list[Flow]] = {}
    for flow in flows:
        groups.setdefault(flow.source, []).append(flow)
    yield from groups.items()


def _called(world: World, flow: Flow) -> IPv4Address:
    """The address that the client calls: from outside it is the public one, where there is one."""
    return world.public.get(flow.target, flow.target) if flow.source == INTERNET else flow.target


def _arrived(world: World) -> set[Key]:
    return {
        key
        for namespace in world.ends.values()
        for name, keys in _recorded(namespace).items()
        if name == firewalls.ARRIVED
        for key in keys
    }


def _drops(world: World) -> Iterator[tuple[Key, tuple[str, str]]]:
    """Hop and rule by what was dropped. Later hops see nothing of it, so that there is one for each packet."""
    plan = world.plan
    area_of = {str(place.address): plan.areas[place.area] for place in plan.places}
    for namespace in (world.router, world.igw):
        for keys in _recorded(namespace).values():
            for key in keys:
                if key[0] in area_of:
                    yield key, (f"{plan.names[area_of[key[0]].id]} routes", "")
    for area, namespace in world.areas.items():
        acl = _named(plan, plan.areas[area].acl, "network ACL")
        for name, keys in _recorded(namespace).items():
            way, number = name.split("_")
            for key in keys:
                yield key, (f"{acl} {way}", f"rule {'*' if number == 'rest' else number} ")
    for place in plan.places:
        names = " and ".join(_named(plan, group, "security group") for group in sorted(place.groups))
        for name, keys in _recorded(world.ends[place.address]).items():
            if name != firewalls.ARRIVED:
                way = "ingress" if name.endswith("input") else "egress"
                for key in keys:
                    yield key, (f"{names or 'no group'} {way}", "")


def _named(plan: Plan, resource_id: tuple[str, str], what: str) -> str:
    """A filter's name; the VPC's own id stands for its default ones."""
    listed = plan.names[resource_id]
    is_vpc = resource_id in plan.acls and resource_id in plan.groups
    return f"{listed} default {what}" if is_vpc else listed


def _fate(world: World, flow: Flow, answered: bool, arrived: set[Key], drops: dict[Key, tuple[str, str]]) -> Fate:
    there = (str(flow.source), flow.source_port, str(flow.target), flow.target_port)
    back = (*there[2:], *there[:2])
    drop = None
    for key, answer in ((there, False), (back, True)):
        if drop is None and not answered and key in drops:
            drop = Drop(*drops[key], answer=answer)
    outside = (str(world.public.get(flow.source, flow.source)), *there[1:])
    return Fate(answered=answered, arrived=bool({there, outside} & arrived), drop=drop)


def _recorded(namespace: Namespace) -> dict[str, set[Key]]:
    """The packets in every set of a namespace's rules."""
    found: dict[str, set[Key]] = {}
    for item in json.loads(namespace.run("nft", "-n", "-j", "list", "sets"))["nftables"]:
        if "set" in item:
            keys: set[Key] = found.setdefault(item["set"]["name"], set())
            for element in item["set"].get("elem", []):
                inner = element.get("elem", {}).get("val", element) if "elem" in element else element
                source, source_port, target, target_port = inner["concat"]
                keys.add((source, int(source_port), target, int(target_port)))
    return found
