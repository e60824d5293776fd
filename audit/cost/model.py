"""Amounts of money with what is known about them: ranges, lines of a bill, and the bill."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from audit.assembly import Address

HOURS_PER_MONTH = 730.0
"""A twelfth of 8760, as AWS's own calculator counts."""


class Level(StrEnum):
    """How much is used: one column of a range."""

    LOW = "low"
    EXPECTED = "expected"
    HIGH = "high"


class Driver(StrEnum):
    """What a line grows with."""

    FIXED = "fixed"
    IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Range:
    """A number as far as it is known; low ≤ expected ≤ high."""

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, factor: float) -> "Range":
        return Range(self.low * factor, self.expected * factor, self.high * factor)

    def at(self, level: Level) -> float:
        """One column."""
        return {Level.LOW: self.low, Level.EXPECTED: self.expected, Level.HIGH: self.high}[level]

    @property
    def certain(self) -> bool:
        """Whether it is one number."""
        return self.low == self.expected == self.high

    @staticmethod
    def total(ranges: Iterable["Range"]) -> "Range":
        """The sum: a month in which everything is low, as expected, or high."""
        result = Range()
        for item in ranges:
            result = result + item
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the bill.

    Attributes:
        component: part of the platform that it belongs to, such as `database`.
        what: what is paid for.
        resource, path: the resource that causes it, and its construct path.
        price: key of the row in the price table.
        quantity: units in a month.
        unit: of the quantity, as in the price table.
        cost: USD in a month.
        alone: what it would cost in one zone, without what is there to survive the loss of another.
        verified: whether the price was read in AWS's price list.
    """

    component: str
    what: str
    resource: Address
    path: str
    price: str
    quantity: Range
    unit: str
    cost: Range
    alone: Range
    driver: Driver
    verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A line that cannot be priced, because the table has no row for it."""

    component: str
    what: str
    resource: Address
    path: str
    price: str
    quantity: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPriced:
    """A resource that is not in the sum, and why: `free`, or left out."""

    resource: Address
    path: str
    kind: str
    why: str
    free: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """The bill of a month."""

    region: str
    profile: str
    lines: tuple[Line, ...]
    missing: tuple[Missing, ...]
    not_priced: tuple[NotPriced, ...]
    images: Range

    @property
    def total(self) -> Range:
        """All lines that have a price."""
        return Range.total(line.cost for line in self.lines)

    def of_driver(self, driver: Driver) -> Range:
        """The fixed part, or the part that grows with images."""
        return Range.total(line.cost for line in self.lines if line.driver is driver)

    def by_component(self) -> dict[str, Range]:
        """Cost by component, the dearest first."""
        names = dict.fromkeys(line.component for line in self.lines)
        sums = {name: Range.total(line.cost for line in self.lines if line.component == name) for name in names}
        return dict(sorted(sums.items(), key=lambda item: (-item[1].expected, item[0])))
