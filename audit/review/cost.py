"""What a change adds to the bill of a month, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly
from audit.cost import prices, profile
from audit.cost.estimate import estimate, region_of
from audit.cost.model import Estimate, Range

_CENT = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class CostLine:
    """One thing that costs something else: USD in a month with expected usage.

    Attributes:
        component, what: as the bill names them.
        paths: of the resources that it is paid for and that cost something else.
    """

    component: str
    what: str
    paths: tuple[str, ...]
    before: float
    after: float

    @property
    def difference(self) -> float:
        """USD in a month."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class CostChange:
    """The bill of a month before and after.

    Attributes:
        profile, region: whose usage, at which list prices.
        before, after: USD in a month.
        lines: the greatest difference first.
        missing: what has no price, in the head.
    """

    profile: str
    region: str
    before: Range
    after: Range
    lines: tuple[CostLine, ...]
    missing: tuple[str, ...] = ()

    @property
    def difference(self) -> Range:
        """USD in a month; of little, expected and much usage, which need not be in this order."""
        return self.after + self.before * -1


def cost_change(base: Assembly, head: Assembly, usage: str) -> CostChange | None:
    """What differs between two bills; None when nothing does.

    Args:
        base: with the head's names.
        head: what is proposed.
        usage: a profile by name, or a file with one.

    Raises:
        AuditError: a side cannot be priced.
    """
    region = region_of(head)
    before = estimate(base, profile.load(usage), prices.load(region_of(base)))
    after = estimate(head, profile.load(usage), prices.load(region))
    lines = tuple(sorted(_lines(before, after), key=lambda line: (-abs(line.difference), line.component, line.what)))
    missing = tuple(sorted({f"{line.what} of {line.path}" for line in after.missing}))
    if not lines and {line.price for line in before.missing} == {line.price for line in after.missing}:
        return None
    return CostChange(
        profile=after.profile, region=region, before=before.total, after=after.total, lines=lines, missing=missing
    )


def _lines(before: Estimate, after: Estimate) -> Iterator[CostLine]:
    sums: dict[tuple[str, str], dict[str, list[float]]] = {}
    for index, bill in enumerate((before, after)):
        for line in bill.lines:
            of_paths = sums.setdefault((line.component, line.what), {})
            of_paths.setdefault(line.path.removesuffix("/Resource"), [0.0, 0.0])[index] += line.cost.expected
    for (component, what), of_paths in sums.items():
        old, new = (sum(amounts[index] for amounts in of_paths.values()) for index in (0, 1))
        if abs(new - old) >= _CENT:
            paths = tuple(sorted(path for path, (was, is_) in of_paths.items() if abs(is_ - was) >= _CENT))
            yield CostLine(component=component, what=what, paths=paths, before=old, after=new)
