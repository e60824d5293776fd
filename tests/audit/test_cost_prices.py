"""The price table says of every price when and where it was read, and never invents one."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.cost import prices
from audit.cost.catalog import filters, kinds, known_regions
from audit.cost.prices import REGIONS, Price, PriceTable, Tier
from audit.errors import AuditError

ROW: dict[str, Any] = {
    "key": "nat.hour",
    "unit": "hour",
    "currency": "USD",
    "tiers": [{"from": 0, "usd": 0.048}],
    "as_of": "2026-09-25",
    "source": "somewhere",
    "verified": True,
}


def file_with(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "eu-west-1.json"
    path.write_text(json.dumps({"region": "eu-west-1", "rows": rows}))
    return path


@pytest.mark.parametrize("path", sorted(REGIONS.glob("*.json")), ids=lambda path: path.stem)
def test_a_shipped_table_says_where_every_price_comes_from(path: Path) -> None:
    table = prices.read(path)
    assert table.region == path.stem
    assert table.region in known_regions()
    for price in table:
        read_in_a_list = price.source.startswith("AWS price list") or price.source.startswith("https://aws.amazon.com/")
        assert price.verified == read_in_a_list, f"{price.key}: verified = {price.verified}, source {price.source!r}"


def test_every_kind_of_row_can_be_asked_for_in_every_known_region() -> None:
    for kind in kinds():
        for region in known_regions():
            query = filters(kind.key.replace("*", "x.large"), region)
            assert not [value for value in query.values() if "{" in value], f"{kind.key} in {region}: {query}"


def test_a_price_is_stale_after_ninety_days_and_not_before() -> None:
    price = Price.model_validate(ROW | {"as_of": date(2026, 9, 25)})
    assert not price.stale(date(2026, 9, 25) + timedelta(days=90))
    assert price.stale(date(2026, 9, 25) + timedelta(days=91))


def test_tiers_are_paid_one_after_the_other() -> None:
    price = Price.model_validate(ROW | {"tiers": [{"from": 0, "usd": 0.09}, {"from": 10_240, "usd": 0.085}]})
    assert price.cost(100) == pytest.approx(9.0)
    assert price.cost(10_340) == pytest.approx(10_240 * 0.09 + 100 * 0.085)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=5),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
)
def test_more_never_costs_less(values: list[float], one: float, other: float) -> None:
    tiers = tuple(Tier.model_validate({"from": index * 1000.0, "usd": usd}) for index, usd in enumerate(values))
    price = Price.model_validate(ROW | {"tiers": tiers})
    assert price.cost(min(one, other)) <= price.cost(max(one, other)) + 1e-6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unit": "day"}, "unit 'day'; it is priced by 'hour'"),
        ({"key": "nat.minute"}, "is nothing that is priced"),
        ({"tiers": []}, "row 1: tiers start at []; the first starts at 0"),
        ({"tiers": [{"from": 5, "usd": 1}]}, "row 1: tiers start at [5.0]"),
        ({"tiers": [{"from": 0, "usd": -1}]}, "row 1 tiers 1 usd: Input should be greater than or equal to 0"),
        ({"source": ""}, "at least 1 character"),
        ({"as_of": "yesterday"}, "date"),
        ({"currency": "EUR"}, "USD"),
        ({"vat": 0.19}, "not permitted"),
    ],
)
def test_a_wrong_row_is_refused_in_one_line_that_names_it(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(AuditError) as refused:
        prices.read(file_with(tmp_path, ROW | change))
    (problem,) = refused.value.problems
    assert said in str(problem)
    assert "\n" not in str(problem)


def test_a_row_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match=r"nat\.hour: is there twice"):
        prices.read(file_with(tmp_path, ROW, ROW))


def test_a_region_without_a_table_is_refused_with_what_to_do() -> None:
    with pytest.raises(AuditError, match=r"'mars-1'; there are tables for .*eu-west-1.*prices refresh --region mars-1"):
        prices.load("mars-1")


def test_a_price_that_is_missing_is_refused_and_not_guessed() -> None:
    with pytest.raises(AuditError, match=r"no price for 'ec2.x9.huge' \(EC2 x9.huge, Linux, on demand\)"):
        PriceTable(region="eu-west-1", rows={}).usd("ec2.x9.huge")
