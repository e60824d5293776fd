"""What no template tells, out of one file: every figure with what it rests on."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from audit.errors import AuditError, Problem
from audit.fleet.documents import Strict, checked, read_toml

ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")
Amount = Annotated[float, Field(ge=0)]


class Assumption(Strict):
    """A value, or a range that is drawn from; and why it is believed."""

    why: str = Field(min_length=1)
    value: Amount | None = None
    range: tuple[Amount, Amount, Amount] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Assumption":
        if (self.value is None) == (self.range is None):
            raise ValueError("either value or range is needed")
        if self.range and list(self.range) != sorted(self.range):
            raise ValueError(f"range {list(self.range)}: low, likely, high in this order")
        return self

    @property
    def likely(self) -> float:
        """The value, or the likely one of the range."""
        return self.range[1] if self.range else self.value or 0.0

    def draw(self, chance: random.Random) -> float:
        """A value out of the range."""
        if self.range is None:
            return self.value or 0.0
        low, likely, high = self.range
        return chance.triangular(low, high, likely)

    def __str__(self) -> str:
        if self.range:
            return "{:g} – {:g} – {:g}".format(*self.range)
        return f"{self.value:.4g}"


class Assumptions(Strict):
    """All of them; the file says what each is."""

    instance_start_s: Assumption
    task_start_s: Assumption
    fargate_start_s: Assumption
    metric_delay_s: Assumption
    tracking_out_minutes: Assumption
    tracking_in_minutes: Assumption
    tracking_in_share: Assumption
    group_in_minutes: Assumption
    function_delay_s: Assumption
    detection_s: Assumption
    spot_notice_s: Assumption
    queue_sleeps_after_s: Assumption
    queue_wakes_after_s: Assumption
    idle_exit_s: Assumption
    stop_margin_s: Assumption
    retry_first_share: Assumption
    retry_factor: Assumption
    retry_jitter: Assumption
    transfer_mb_per_s: Assumption
    instance_speed: Assumption
    fargate_speed: Assumption

    @model_validator(mode="after")
    def _divisors(self) -> "Assumptions":
        for name in ("transfer_mb_per_s", "instance_speed", "fargate_speed"):
            if getattr(self, name).likely <= 0:
                raise ValueError(f"{name}: above 0 is allowed")
        return self

    def with_values(self, changes: Mapping[str, float]) -> "Assumptions":
        """The same with some fixed to a value.

        Raises:
            AuditError: there is no such assumption.
        """
        known = type(self).model_fields
        unknown = sorted(changes.keys() - known.keys())
        if unknown:
            raise AuditError(
                Problem(where=f"assumption {name!r}", why=f"is none of {', '.join(known)}") for name in unknown
            )
        return self.model_copy(
            update={name: Assumption(value=value, why="given on the command line") for name, value in changes.items()}
        )


def read_assumptions(path: Path = ASSUMPTIONS) -> Assumptions:
    """The assumptions of a file.

    Raises:
        AuditError: the file is not what it should be.
    """
    return checked(Assumptions, read_toml(path), str(path))
