"""What a template makes AWS count: meters, each with the amount of a month as a function of usage."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from audit.assembly import Assembly, Resource, Value, references
from audit.cost.buckets import Bucket
from audit.cost.model import Driver
from audit.cost.profile import Usage
from audit.errors import Problem

Amount = Callable[[Usage], float]


def always(amount: float) -> Amount:
    """The same amount, whatever is used."""
    return lambda _: amount


def _whole(_: Usage) -> float:
    return 1.0


def dictionaries(value: Value) -> list[dict[str, Value]]:
    """The items of a list that have keys."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def below(value: Value, *path: str) -> Value:
    """What stands under these keys, None when one is not there."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, kw_only=True)
class Meter:
    """One thing that is counted.

    Attributes:
        price: key of its row in the price table.
        amount: units in a month; never less when more is used.
        alone: share of the amount that one zone would need.
        alone_price: the row that one zone would pay by, where it is another.
        factor: share of the list price that is paid.
    """

    component: str
    what: str
    resource: Resource
    price: str
    amount: Amount
    driver: Driver = Driver.FIXED
    alone: float = 1.0
    alone_price: str | None = None
    factor: Amount = _whole


@dataclass
class Reading:
    """An assembly while it is read: numbers that decide, and what kept one from being read."""

    assembly: Assembly
    buckets: Mapping[str, Bucket]
    problems: list[Problem] = field(default_factory=list)

    def number(self, resource: Resource, value: Value, key: str, default: float | None = None) -> float:
        """A number of the template; what only a deployment knows is a problem."""
        if value is None and default is not None:
            return default
        try:
            number = float(cast("str", value))
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            why = f"{value} decides about the cost and is no number" if value is not None else "is missing"
            self.problems.append(Problem(where=f"{resource.address} ({resource.kind}): {key}", why=why))
            return default or 0.0
        return number

    def text(self, resource: Resource, value: Value, key: str, default: str | None = None) -> str:
        """A word of the template; what only a deployment knows is a problem."""
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            why = f"{value} decides about the cost and is not known" if value is not None else "is missing"
            self.problems.append(Problem(where=f"{resource.address} ({resource.kind}): {key}", why=why))
            return default or ""
        return value

    def get(self, resource: Resource, key: str, default: float | None = None) -> float:
        """A number among the resource's own properties."""
        return self.number(resource, resource.properties.get(key), key, default)

    def flag(self, resource: Resource, key: str) -> bool:
        """A yes or no among the resource's own properties, no when it is left out."""
        return str(resource.properties.get(key, False)).lower() == "true"

    def behind(self, resource: Resource, value: Value, *kinds: str) -> Resource | None:
        """The nearest resource of these types that a value leads to, through others where there are any between."""
        seen = {resource.address}
        level = {reference.address for reference in references(value)}
        while level:
            found = [
                self.assembly.resources[address] for address in sorted(level) if address in self.assembly.resources
            ]
            match = next((target for target in found if target.kind in kinds), None)
            if match is not None:
                return match
            seen |= level
            level = {address for target in found for address in target.targets} - seen
        return None

    def users(self, resource: Resource, *kinds: str) -> Iterator[Resource]:
        """Resources of these types that refer to this one."""
        return (other for other in self.assembly.of_kind(*kinds) if resource.address in other.targets)
