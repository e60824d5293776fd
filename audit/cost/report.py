"""Everything that `audit cost` says about one assembly in one month, as data."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from audit.assembly import Assembly
from audit.cost.compute import read_workers
from audit.cost.estimate import estimate
from audit.cost.investment import Investment, invest
from audit.cost.limits import Limit, limits
from audit.cost.meter import Reading, below
from audit.cost.model import Driver, Estimate, Level, Line, Range
from audit.cost.prices import Price, PriceTable
from audit.cost.profile import Profile
from audit.cost.single import SingleServer, single_server
from audit.cost.ways import Way, ways


@dataclass(frozen=True, kw_only=True)
class Report:
    """One assembly, one profile, one price table.

    Attributes:
        worker_use: share of the month in which the workers that always run have work.
        used: rows of the price table that the bill needs.
        budget: USD a month that the templates' budget warns at, None without one.
    """

    name: str
    profile: Profile
    estimate: Estimate
    limits: tuple[Limit, ...]
    ways: tuple[Way, ...]
    single: SingleServer
    investment: Investment
    worker_use: Range | None
    used: tuple[Price, ...]
    budget: float | None

    @property
    def per_thousand(self) -> Range | None:
        """USD for a thousand images, the fixed part included; None when there may be none."""
        return self._per_thousand(self.estimate.total)

    @property
    def next_thousand(self) -> Range | None:
        """USD for another thousand images: the part that grows."""
        return self._per_thousand(self.estimate.of_driver(Driver.IMAGES))

    def _per_thousand(self, usd: Range) -> Range | None:
        images = self.estimate.images
        if not images.low:
            return None
        shares = sorted(usd.at(level) / images.at(level) * 1000 for level in Level)
        return Range(*shares)

    @property
    def spare(self) -> Range:
        """What is paid to survive the loss of a zone."""
        return Range.total(line.cost + line.alone * -1 for line in self.estimate.lines)

    @property
    def spare_by_component(self) -> dict[str, Range]:
        """The same by component, the dearest first, without those that pay nothing for it."""
        sums: dict[str, Range] = {}
        for line in self.estimate.lines:
            spare = line.cost + line.alone * -1
            if spare.expected:
                sums[line.component] = sums.get(line.component, Range()) + spare
        return dict(sorted(sums.items(), key=lambda item: (-item[1].expected, item[0])))

    def drivers(self, count: int = 5) -> tuple[Line, ...]:
        """The dearest lines."""
        return tuple(sorted(self.estimate.lines, key=lambda line: (-line.cost.expected, line.path))[:count])

    @property
    def unverified(self) -> tuple[Price, ...]:
        """Rows that the bill needs and nobody has read in AWS's price list."""
        return tuple(price for price in self.used if not price.verified)

    @property
    def unverified_share(self) -> float:
        """Share of the expected bill that hangs on such rows."""
        total = self.estimate.total.expected
        return sum(line.cost.expected for line in self.estimate.lines if not line.verified) / total if total else 0.0

    def stale(self, today: date) -> tuple[Price, ...]:
        """Rows that the bill needs and that are too old."""
        return tuple(price for price in self.used if price.stale(today))


def report(name: str, assembly: Assembly, profile: Profile, prices: PriceTable) -> Report:
    """Price one assembly.

    Args:
        name: of the environment.

    Raises:
        AuditError: the templates or the tables do not tell.
    """
    bill = estimate(assembly, profile, prices)
    single = single_server(assembly, profile, prices, bill)
    workers = read_workers(Reading(assembly, {}))
    uses = [workers.use(profile.usage(level)) for level in Level]
    keys = {line.price for line in bill.lines}
    return Report(
        name=name,
        profile=profile,
        estimate=bill,
        limits=limits(assembly, prices),
        ways=ways(assembly, profile, prices),
        single=single,
        investment=invest(profile, bill.total, single.total),
        worker_use=Range(*(use for use in uses if use is not None)) if None not in uses else None,
        used=tuple(price for price in prices if price.key in keys),
        budget=_budget(assembly),
    )


def _budget(assembly: Assembly) -> float | None:
    """The least of the monthly budgets in USD."""
    amounts = []
    for budget in assembly.of_kind("AWS::Budgets::Budget"):
        data = dict(budget.properties)
        amount = below(data, "Budget", "BudgetLimit", "Amount")
        in_usd = below(data, "Budget", "BudgetLimit", "Unit") == "USD"
        if in_usd and below(data, "Budget", "TimeUnit") == "MONTHLY" and isinstance(amount, int | float | str):
            amounts.append(float(amount))
    return min(amounts, default=None)


def as_json(found: Report, today: date) -> dict[str, Any]:
    """For programs: USD and units as they are, not rounded."""
    bill = found.estimate
    return {
        "environment": found.name,
        "region": bill.region,
        "profile": bill.profile,
        "currency": "USD",
        "images": _range(bill.images),
        "budget": found.budget,
        "total": _range(bill.total),
        "fixed": _range(bill.of_driver(Driver.FIXED)),
        "per_image_part": _range(bill.of_driver(Driver.IMAGES)),
        "per_thousand_images": _range(found.per_thousand),
        "next_thousand_images": _range(found.next_thousand),
        "components": {name: _range(cost) for name, cost in bill.by_component().items()},
        "survives_zone": {name: _range(cost) for name, cost in found.spare_by_component.items()},
        "lines": [
            {
                "component": line.component,
                "what": line.what,
                "resource": str(line.resource),
                "path": line.path,
                "price": line.price,
                "unit": line.unit,
                "quantity": _range(line.quantity),
                "cost": _range(line.cost),
                "driver": line.driver.value,
                "verified": line.verified,
            }
            for line in bill.lines
        ],
        "missing_prices": [
            {"path": item.path, "what": item.what, "price": item.price, "quantity": _range(item.quantity)}
            for item in bill.missing
        ],
        "not_priced": [
            {"path": item.path, "type": item.kind, "why": item.why, "free": item.free} for item in bill.not_priced
        ],
        "limits": [
            {"path": item.path, "what": item.what, "least": item.least_usd, "most": item.most_usd}
            for item in found.limits
        ],
        "ways": [
            {
                "service": way.service,
                "endpoint": way.endpoint,
                "gb": _range(way.gb),
                "by_endpoint": _range(way.by_endpoint),
                "by_nat": _range(way.by_nat),
                "break_even_gb": way.break_even_gb,
                "cheaper": way.cheaper,
            }
            for way in found.ways
        ],
        "single_server": {
            "total": _range(found.single.total),
            "parts": {part.what: _range(part.cost) for part in found.single.parts},
            "fits": found.single.can_do_it,
        },
        "investment": {
            "hour_of_outage": _range(found.investment.hour_usd),
            "extra_per_year": _range(found.investment.extra_usd),
            "break_even_hours_per_year": _range(found.investment.break_even_hours),
        },
        "worker_use": _range(found.worker_use),
        "prices": {
            "unverified": [price.key for price in found.unverified],
            "unverified_share": found.unverified_share,
            "stale": [price.key for price in found.stale(today)],
            "oldest": min((price.as_of for price in found.used), default=today).isoformat(),
        },
    }


def _range(value: Range | None) -> dict[str, float] | None:
    return None if value is None else {level.value: value.at(level) for level in Level}
