"""The price table: list prices of one region, each with its unit, its day, its source, and whether it was verified."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.cost.catalog import describe, unit_of
from audit.errors import AuditError, Problem

REGIONS = Path(__file__).parent / "regions"
STALE_AFTER = timedelta(days=90)
REMEMBERED = "list price as remembered, check"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Tier(_Strict):
    """From this many units in a month on, one unit costs that much."""

    from_: Annotated[float, Field(ge=0, strict=False, alias="from")] = 0.0
    usd: Annotated[float, Field(ge=0, strict=False)]


class Price(_Strict):
    """One row.

    Attributes:
        key: what is paid for, such as `nat.hour` or `ec2.c7i.2xlarge`.
        unit: what one of it is.
        tiers: at least one, the first from 0.
        as_of: the day of the price list, or of writing it down.
        source: where it was read.
        verified: read in AWS's price list, or in a copy that names the list's version.
        sku: AWS's name of the row, when known.
    """

    key: str
    unit: str
    currency: Literal["USD"] = "USD"
    tiers: Annotated[tuple[Tier, ...], Field(strict=False, min_length=1)]
    as_of: Annotated[date, Field(strict=False)]
    source: Annotated[str, Field(min_length=1)]
    verified: bool
    sku: str | None = None

    @model_validator(mode="after")
    def _tiers_ascend(self) -> "Price":
        starts = [tier.from_ for tier in self.tiers]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError(f"tiers of {self.key} start at {starts}; the first is 0 and each is higher than the last")
        return self

    @property
    def usd(self) -> float:
        """One unit, in the first tier."""
        return self.tiers[0].usd

    def cost(self, quantity: float) -> float:
        """USD for so many units in a month, tier by tier."""
        ends = [tier.from_ for tier in self.tiers[1:]] + [float("inf")]
        return sum(
            max(0.0, min(quantity, end) - tier.from_) * tier.usd for tier, end in zip(self.tiers, ends, strict=True)
        )

    def stale(self, today: date) -> bool:
        """Whether it was read too long ago to be believed."""
        return today - self.as_of > STALE_AFTER


@dataclass(frozen=True)
class PriceTable:
    """List prices of one region."""

    region: str
    rows: Mapping[str, Price]

    def __iter__(self) -> Iterator[Price]:
        return iter(self.rows.values())

    def get(self, key: str) -> Price | None:
        """A row, or None: then the price is missing and has to be said so."""
        return self.rows.get(key)

    def usd(self, key: str) -> float:
        """One unit in the first tier.

        Raises:
            AuditError: there is no such row.
        """
        if key not in self.rows:
            why = f"{self.region} has no price for {key!r} ({describe(key)}); add a row, or `audit prices refresh`"
            raise AuditError([Problem(where="prices", why=why)])
        return self.rows[key].usd

    @cached_property
    def unverified(self) -> tuple[Price, ...]:
        """Rows that nobody has read in a price list."""
        return tuple(price for price in self if not price.verified)

    def stale(self, today: date) -> tuple[Price, ...]:
        """Rows that are too old."""
        return tuple(price for price in self if price.stale(today))


class _File(_Strict):
    region: str
    rows: Annotated[tuple[Price, ...], Field(strict=False)]


def load(region: str, folder: Path = REGIONS) -> PriceTable:
    """The table of a region.

    Raises:
        AuditError: there is none, or a row in it is wrong.
    """
    path = folder / f"{region}.json"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        why = f"no price table for region {region!r}; there are tables for {known}"
        raise AuditError(
            [Problem(where="prices", why=f"{why}; make one with `audit prices refresh --region {region}`")]
        )
    return read(path)


def read(path: Path) -> PriceTable:
    """A table from a file.

    Raises:
        AuditError: it cannot be read, or a row in it is wrong.
    """
    try:
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be read ({error.strerror})")]) from None
    except ValidationError as error:
        raise AuditError(
            Problem(where=f"{path.name}: {'.'.join(map(str, detail['loc'])) or 'the file'}", why=detail["msg"])
            for detail in error.errors(include_url=False)
        ) from None
    rows = {price.key: price for price in file.rows}
    problems = [
        Problem(where=f"{path.name}: {price.key}", why=why)
        for price in file.rows
        for why in _faults(price, [row.key for row in file.rows])
    ]
    if problems:
        raise AuditError(sorted(set(problems)))
    return PriceTable(region=file.region, rows=rows)


def _faults(price: Price, keys: list[str]) -> Iterator[str]:
    if keys.count(price.key) > 1:
        yield "is there twice"
    unit = unit_of(price.key)
    if unit is None:
        yield "is nothing that is priced; audit/cost/catalog.toml lists what is"
    elif price.unit != unit:
        yield f"unit {price.unit!r}; it is priced by {unit!r}"
