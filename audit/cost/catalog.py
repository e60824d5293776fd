"""What is paid for, in any region: the kinds of rows of price tables and how AWS's price list finds them."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

CATALOG = Path(__file__).parent / "catalog.toml"


class Kind(BaseModel):
    """One row of every price table, or with a trailing `*` one row for each type of instance.

    Attributes:
        unit: what a price in our tables is for.
        list_unit: the same in AWS's price list; another unit there would be another thing.
        everywhere: the product belongs to no region.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: str
    what: str
    unit: str
    service: str
    list_unit: str
    filters: Mapping[str, str]
    everywhere: bool = False

    def name_in(self, key: str) -> str | None:
        """What the `*` stands for in this key, empty without one; None when the key is of another kind."""
        if not self.key.endswith("*"):
            return "" if key == self.key else None
        family = self.key.removesuffix("*")
        return key.removeprefix(family) if key.startswith(family) and key != family else None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    prefixes: Mapping[str, str]
    rows: tuple[Kind, ...]


@cache
def _file() -> _File:
    return _File.model_validate(tomllib.loads(CATALOG.read_text(encoding="utf-8")))


def kinds() -> tuple[Kind, ...]:
    """All kinds of rows."""
    return _file().rows


def kind_of(key: str) -> Kind | None:
    """The kind of a row, or None when nothing of that name is priced."""
    return next((kind for kind in kinds() if kind.name_in(key) is not None), None)


def unit_of(key: str) -> str | None:
    """What a price of that name is for."""
    kind = kind_of(key)
    return kind.unit if kind else None


def describe(key: str) -> str:
    """What a row is for, in words."""
    kind = kind_of(key)
    return kind.what.replace("{name}", kind.name_in(key) or "") if kind else "nothing that is priced"


def known_regions() -> tuple[str, ...]:
    """Regions whose usage types can be asked for."""
    return tuple(sorted(_file().prefixes))


def filters(key: str, region: str) -> dict[str, str]:
    """The query that finds a row's product in the price list of its kind's service.

    Raises:
        KeyError: no such kind, or the region's prefix of usage types is not known.
    """
    kind = kind_of(key)
    if kind is None:
        raise KeyError(key)
    prefix = _file().prefixes[region]
    values = {
        "{name}": kind.name_in(key) or "",
        "{prefix}": prefix,
        "{young}": prefix or "USE1-",
        "{code}": region,
    }

    def fill(text: str) -> str:
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text

    place = {} if kind.everywhere else {"regionCode": region}
    return place | {field: fill(value) for field, value in kind.filters.items()}
