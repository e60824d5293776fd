"""Exact sets of packets: unions of boxes over addresses, protocol and ports. No sampling, no solver.

A packet is a point with five integer coordinates; a box is a product of five closed intervals. Sets of this form are
closed under intersection and difference, which is all that filters, routes and their comparison need. ICMP has no
ports: its type stands in the source port's coordinate and its code in the destination port's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from ipaddress import IPv4Address, IPv4Network


class Axis(IntEnum):
    """The coordinates of a packet, in the order of a box's intervals."""

    PROTOCOL = 0
    SOURCE = 1
    TARGET = 2
    SOURCE_PORT = 3
    TARGET_PORT = 4


Interval = tuple[int, int]
"""First and last, both included."""

ICMP, TCP, UDP = 1, 6, 17
EVERY_PROTOCOL: Interval = (0, 255)
EVERY_ADDRESS: Interval = (0, 2**32 - 1)
EVERY_PORT: Interval = (0, 65_535)

_SWAPPED = (Axis.PROTOCOL, Axis.TARGET, Axis.SOURCE, Axis.TARGET_PORT, Axis.SOURCE_PORT)


@dataclass(frozen=True, slots=True)
class Box:
    """A product of intervals, one for each axis; never empty."""

    intervals: tuple[Interval, Interval, Interval, Interval, Interval]

    def __getitem__(self, axis: Axis) -> Interval:
        return self.intervals[axis]

    def meet(self, other: "Box") -> "Box | None":
        """The packets that are in both."""
        if self.is_apart(other):
            return None
        protocol, source, target, source_port, target_port = self.intervals
        other_protocol, other_source, other_target, other_source_port, other_target_port = other.intervals
        return Box(
            (
                _overlap(protocol, other_protocol),
                _overlap(source, other_source),
                _overlap(target, other_target),
                _overlap(source_port, other_source_port),
                _overlap(target_port, other_target_port),
            )
        )

    def is_apart(self, other: "Box") -> bool:
        """Whether no packet is in both. Everything waits for this: comparisons, the likeliest first."""
        protocol, source, target, source_port, target_port = self.intervals
        other_protocol, other_source, other_target, other_source_port, other_target_port = other.intervals
        return (
            target_port[1] < other_target_port[0]
            or other_target_port[1] < target_port[0]
            or target[1] < other_target[0]
            or other_target[1] < target[0]
            or source[1] < other_source[0]
            or other_source[1] < source[0]
            or protocol[1] < other_protocol[0]
            or other_protocol[1] < protocol[0]
            or source_port[1] < other_source_port[0]
            or other_source_port[1] < source_port[0]
        )

    def minus(self, other: "Box") -> Iterator["Box"]:
        """What is left when another box is cut out: at most two pieces for each axis, disjoint."""
        if self.is_apart(other):
            yield self
            return
        rest = list(self.intervals)
        for axis, (low, high) in enumerate(other.intervals):
            first, last = rest[axis]
            if first < low:
                yield _box([*rest[:axis], (first, low - 1), *rest[axis + 1 :]])
            if high < last:
                yield _box([*rest[:axis], (high + 1, last), *rest[axis + 1 :]])
            rest[axis] = (max(first, low), min(last, high))

    def swapped(self) -> "Box":
        """The box of the answers: source and target exchanged. ICMP has no ports to exchange; see `PacketSet`."""
        return _box([self.intervals[axis] for axis in _SWAPPED])

    @property
    def size(self) -> int:
        """Number of packets."""
        return reduce(lambda product, interval: product * (interval[1] - interval[0] + 1), self.intervals, 1)


def _overlap(one: Interval, other: Interval) -> Interval:
    """What two intervals have in common, when they have."""
    first = one[0] if one[0] > other[0] else other[0]
    last = one[1] if one[1] < other[1] else other[1]
    return first, last


def _box(intervals: list[Interval]) -> Box:
    protocol, source, target, source_port, target_port = intervals
    return Box((protocol, source, target, source_port, target_port))


@dataclass(frozen=True, slots=True)
class PacketSet:
    """A union of disjoint boxes."""

    boxes: tuple[Box, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        protocol: Interval = EVERY_PROTOCOL,
        source: Interval = EVERY_ADDRESS,
        target: Interval = EVERY_ADDRESS,
        source_port: Interval = EVERY_PORT,
        target_port: Interval = EVERY_PORT,
    ) -> "PacketSet":
        """One box; what is not given is everything."""
        return cls((Box((protocol, source, target, source_port, target_port)),))

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __and__(self, other: "PacketSet") -> "PacketSet":
        if not self.boxes or not other.boxes:
            return NOTHING
        met = [mine.meet(theirs) for mine in self.boxes for theirs in other.boxes]
        return PacketSet(tuple([box for box in met if box is not None]))

    def __sub__(self, other: "PacketSet") -> "PacketSet":
        left = self.boxes
        if left == other.boxes:
            return NOTHING
        for cut in other.boxes:
            left = tuple([piece for box in left for piece in box.minus(cut)])
            if not left:
                break
        return PacketSet(left)

    def __or__(self, other: "PacketSet") -> "PacketSet":
        return PacketSet(self.boxes + (other - self).boxes)

    def __le__(self, other: "PacketSet") -> bool:
        return not self - other

    def answers(self) -> "PacketSet":
        """The packets that answer these: source and target exchanged."""
        return PacketSet(tuple(box.swapped() for box in self.boxes))

    def values(self, axis: Axis) -> tuple[Interval, ...]:
        """The values that occur on one axis, as sorted intervals with gaps between them."""
        return merged(box[axis] for box in self.boxes)

    @property
    def size(self) -> int:
        """Number of packets."""
        return sum(box.size for box in self.boxes)

    def example(self) -> "Packet | None":
        """The first packet of the set in a fixed order."""
        if not self.boxes:
            return None
        box = min(self.boxes, key=lambda candidate: candidate.intervals)
        return Packet(*(interval[0] for interval in box.intervals))


NOTHING = PacketSet()
EVERYTHING = PacketSet.of()


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, for people to look at."""

    protocol: int
    source: int
    target: int
    source_port: int
    target_port: int

    def as_set(self) -> PacketSet:
        """The set of this packet alone."""
        return PacketSet.of(
            protocol=(self.protocol, self.protocol),
            source=(self.source, self.source),
            target=(self.target, self.target),
            source_port=(self.source_port, self.source_port),
            target_port=(self.target_port, self.target_port),
        )

    def __str__(self) -> str:
        source, target = IPv4Address(self.source), IPv4Address(self.target)
        name = {TCP: "tcp", UDP: "udp"}.get(self.protocol)
        if name:
            return f"{name} {source}:{self.source_port} -> {target}:{self.target_port}"
        if self.protocol == ICMP:
            return f"icmp {source} -> {target} type {self.source_port} code {self.target_port}"
        return f"protocol {self.protocol} {source} -> {target}"


def union(sets: Iterable[PacketSet]) -> PacketSet:
    """All packets of all sets."""
    return reduce(PacketSet.__or__, sets, NOTHING)


def interval_of(network: IPv4Network) -> Interval:
    """The addresses of a block."""
    return int(network.network_address), int(network.broadcast_address)


def merged(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sorted intervals without overlaps or neighbours."""
    result: list[Interval] = []
    for low, high in sorted(intervals):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


def without(intervals: Iterable[Interval], cuts: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sorted intervals with others cut out."""
    left = merged(intervals)
    for low, high in cuts:
        left = tuple(
            piece
            for first, last in left
            for piece in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if piece[0] <= piece[1]
        )
    return left
