"""Sets of packets are exact: they agree with counting packet by packet."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from audit.reach.packets import Axis, Box, Interval, Packet, PacketSet, merged, union, without

SMALL = 3


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    first, last = sorted((draw(st.integers(0, SMALL - 1)), draw(st.integers(0, SMALL - 1))))
    return first, last


boxes = st.tuples(intervals(), intervals(), intervals(), intervals(), intervals()).map(Box)
sets = st.lists(boxes, max_size=3).map(lambda found: union(PacketSet((box,)) for box in found))


def points(packets: PacketSet) -> set[tuple[int, ...]]:
    return {
        point for box in packets.boxes for point in product(*(range(first, last + 1) for first, last in box.intervals))
    }


@given(sets, sets)
def test_operations_agree_with_sets_of_single_packets(first: PacketSet, second: PacketSet) -> None:
    assert points(first & second) == points(first) & points(second)
    assert points(first - second) == points(first) - points(second)
    assert points(first | second) == points(first) | points(second)
    assert (first <= second) == (points(first) <= points(second))


@given(sets, sets)
def test_boxes_of_a_set_never_overlap_so_that_sizes_add_up(first: PacketSet, second: PacketSet) -> None:
    for packets in (first, first | second, first - second, first & second):
        assert packets.size == len(points(packets))


@given(sets)
def test_answers_have_source_and_target_exchanged_and_lead_back(packets: PacketSet) -> None:
    assert points(packets.answers()) == {(p, target, source, tp, sp) for p, source, target, sp, tp in points(packets)}
    assert points(packets.answers().answers()) == points(packets)


@given(sets)
def test_values_of_an_axis_are_those_that_occur(packets: PacketSet) -> None:
    for axis in Axis:
        expected = {point[axis] for point in points(packets)}
        assert {value for first, last in packets.values(axis) for value in range(first, last + 1)} == expected


@given(sets)
def test_an_example_is_one_of_the_packets(packets: PacketSet) -> None:
    example = packets.example()
    assert (example is None) == (not packets)
    if example is not None:
        assert example.as_set() <= packets


@given(st.lists(intervals(), max_size=4), st.lists(intervals(), max_size=4))
def test_intervals_without_others_are_what_is_left(base: list[Interval], cuts: list[Interval]) -> None:
    def values(found: list[Interval] | tuple[Interval, ...]) -> set[int]:
        return {value for first, last in found for value in range(first, last + 1)}

    assert values(without(base, cuts)) == values(base) - values(cuts)
    assert values(merged(base)) == values(base)


def test_a_packet_reads_as_people_write_it() -> None:
    assert str(Packet(6, 0x0A000101, 0x0A000B01, 1024, 80)) == "tcp 10.0.1.1:1024 -> 10.0.11.1:80"
    assert str(Packet(1, 0x0A000101, 0x0A000B01, 3, 4)) == "icmp 10.0.1.1 -> 10.0.11.1 type 3 code 4"
