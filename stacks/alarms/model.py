"""An alarm, and the metrics that it is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Unit(StrEnum):
    """Units as CloudWatch spells them. An alarm in another unit than its metric is published in never rings."""

    COUNT = "Count"
    PERCENT = "Percent"
    SECONDS = "Seconds"
    BYTES = "Bytes"


class Comparison(StrEnum):
    """How a value is held against the threshold."""

    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"


class Missing(StrEnum):
    """What silence means."""

    FINE = "notBreaching"
    """Nothing is published because nothing happens."""
    BAD = "breaching"
    """Something is always published, unless what publishes it is gone."""
    NO_NEWS = "ignore"
    """The last state holds."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A series of numbers.

    Attributes:
        statistic: how the values of a period become one, such as `Sum` or `p95`.
        unit: the one that it is published in.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str
    unit: Unit
    period_s: int = 60

    @property
    def is_percentile(self) -> bool:
        """Whether the statistic is one that CloudWatch calls extended."""
        return self.statistic.startswith("p")


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something that hurts a user, or will soon.

    Attributes:
        name: unique in the environment, in lower case with dashes.
        hurts: what users see, or will; the first words that somebody reads at night.
        runbook: file name in `docs/runbooks`, without its ending.
        metrics: by the names that the expression uses; one alone needs no expression.
        expression: CloudWatch metric math.
        unit: of the value that is compared.
        periods: periods that are looked at; `breaches` of them have to be beyond the threshold.
        all_clear: whether people are told when it is over. Not where the end of it means nothing.
    """

    name: str
    hurts: str
    runbook: str
    metrics: Mapping[str, Metric]
    expression: str | None = None
    unit: Unit
    threshold: float
    comparison: Comparison = Comparison.AT_LEAST
    periods: int
    breaches: int
    missing: Missing
    all_clear: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"alarm {self.name!r}: allowed a name in lower case, its words joined by dashes")
        if not 1 <= self.breaches <= self.periods:
            raise ValueError(f"alarm {self.name}: breaches {self.breaches}: allowed 1 to periods, {self.periods}")
        if self.expression is None and len(self.metrics) != 1:
            raise ValueError(f"alarm {self.name}: {len(self.metrics)} metrics: allowed one, or an expression over them")
        seconds = {metric.period_s for metric in self.metrics.values()}
        if len(seconds) != 1:
            raise ValueError(f"alarm {self.name}: periods of {sorted(seconds)} s: allowed one period for all metrics")
        if next(iter(seconds)) * self.periods > 86_400:
            raise ValueError(f"alarm {self.name}: looks at more than a day, which CloudWatch does not allow")

    @property
    def minutes(self) -> float:
        """How long it may take from the first bad value until somebody hears of it."""
        return next(iter(self.metrics.values())).period_s * self.breaches / 60

    @property
    def description(self) -> str:
        """What the message of the alarm says."""
        sign = "below" if self.comparison is Comparison.BELOW else "at least"
        of = f"{self.breaches} of {self.periods} periods"
        return (
            f"{self.hurts} {sign.capitalize()} {self.threshold:g} {self.unit.lower()} in {of}. "
            f"runbook: docs/runbooks/{self.runbook}.md"
        )
