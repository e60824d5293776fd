"""Whether the design is worth its price: what standing still costs, against what it costs not to."""

from collections.abc import Callable
from dataclasses import dataclass

from audit.cost.model import Level, Range
from audit.cost.profile import Profile, Usage

MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Investment:
    """Two ways to run a year.

    Attributes:
        hour_usd: what one hour of standing still costs.
        server_usd, design_usd: the bill of a year.
        server_hours, design_hours: hours of standing still in a year, as the profile assumes them.
    """

    hour_usd: Range
    server_usd: Range
    design_usd: Range
    server_hours: Range
    design_hours: Range

    @property
    def extra_usd(self) -> Range:
        """What the design costs more in a year, in months that are all low, as expected, or high."""
        return self.design_usd + self.server_usd * -1

    @property
    def break_even_hours(self) -> Range:
        """Hours of outage in a year that pay for the difference when they are avoided.

        The low end is a cheap month in a business where an hour is dear, the high end the opposite.
        """
        extra, hour = self.extra_usd, self.hour_usd
        return Range(
            _hours(min(extra.low, extra.expected, extra.high), hour.high),
            _hours(extra.expected, hour.expected),
            _hours(max(extra.low, extra.expected, extra.high), hour.low),
        )

    @property
    def avoided_hours(self) -> Range:
        """Hours of outage that the design saves in a year, as assumed."""
        return self.server_hours + self.design_hours * -1

    @property
    def pays(self) -> bool:
        """Whether it is expected to pay: more hours avoided than are needed to break even."""
        return self.avoided_hours.expected >= self.break_even_hours.expected


def invest(profile: Profile, design: Range, server: Range) -> Investment:
    """Compare a year.

    Args:
        design, server: USD a month.
    """
    outage = profile.outage
    return Investment(
        hour_usd=Range.total(hour_parts(profile).values()),
        server_usd=server * MONTHS,
        design_usd=design * MONTHS,
        server_hours=outage.single_server_hours.range,
        design_hours=outage.design_hours.range,
    )


def hour_parts(profile: Profile) -> dict[str, Range]:
    """What an hour of standing still consists of, in words."""
    parts: dict[str, Callable[[Usage], float]] = {
        "orders and deliveries that do not come back": _revenue_usd,
        "people who wait": _people_usd,
        "whoever repairs it": lambda usage: usage.of(profile.outage.repair_usd_per_hour),
    }
    return {name: Range(*(part(profile.usage(level)) for level in Level)) for name, part in parts.items()}


def _revenue_usd(usage: Usage) -> float:
    outage = usage.profile.outage
    return usage.of(outage.revenue_per_month) / outage.business_hours * usage.of(outage.revenue_lost)


def _people_usd(usage: Usage) -> float:
    outage = usage.profile.outage
    return usage.of(outage.people_waiting) * usage.of(outage.person_usd_per_hour)


def _hours(extra_usd: float, hour_usd: float) -> float:
    return max(0.0, extra_usd) / hour_usd if hour_usd else float("inf")
