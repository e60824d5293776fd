"""`audit prices refresh` against a price list API on loopback: what is asked, what is written, what is left alone."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.cli.main import main
from audit.cost import prices
from audit.cost.catalog import filters
from audit.cost.refresh import text_of
from tests.audit.price_list import PriceList, product, serve

NAT_HOUR = filters("nat.hour", "eu-west-1")
C7I = filters("ec2.c7i.large", "eu-west-1")

ROWS: list[dict[str, Any]] = [
    {
        "key": "ec2.c7i.large",
        "unit": "hour",
        "tiers": [{"from": 0, "usd": 0.09576}],
        "as_of": "2026-01-01",
        "source": "list price as remembered, check",
        "verified": False,
    },
    {
        "key": "nat.hour",
        "unit": "hour",
        "tiers": [{"from": 0, "usd": 0.048}],
        "as_of": "2026-01-01",
        "source": "AWS price list of January",
        "verified": True,
    },
]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[PriceList]:
    for variable in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    found = [
        product("NAT1", "Hrs", ("0", "0.0500000000"), **NAT_HOUR),
        product("C7I1", "Hrs", ("0", "0.0957600000"), **C7I),
    ]
    with serve(PriceList(found)) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", running.url)
        yield running


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "regions"
    folder.mkdir()
    path = folder / "eu-west-1.json"
    path.write_text(json.dumps({"region": "eu-west-1", "rows": ROWS}))
    return path


def refresh(table: Path, *arguments: str) -> int:
    return main(["prices", "refresh", "--folder", str(table.parent), *arguments])


def test_every_row_is_read_anew_with_its_day_and_its_sku(
    api: PriceList, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refresh(table) == 0
    rows = prices.read(table).rows
    assert rows["nat.hour"].usd == 0.05
    for price, sku in ((rows["nat.hour"], "NAT1"), (rows["ec2.c7i.large"], "C7I1")):
        assert (str(price.as_of), price.sku, price.verified) == ("2026-11-20", sku, True)
        assert price.source.endswith("20261120100000")
    said = capsys.readouterr().out
    assert "0.048" in said
    assert "0.05" in said
    assert "2 rows, 1 changed" in said


def test_the_query_names_service_and_every_filter_exactly(api: PriceList, table: Path) -> None:
    refresh(table)
    asked = {request["ServiceCode"]: request["Filters"] for request in api.asked if len(request["Filters"]) == len(C7I)}
    assert {item["Type"] for item in asked["AmazonEC2"]} == {"TERM_MATCH"}
    assert {item["Field"]: item["Value"] for item in asked["AmazonEC2"]} == C7I
    assert C7I["regionCode"] == "eu-west-1"


def test_later_pages_are_read_as_well(api: PriceList, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A product that is only sold as a reservation comes first and has a page of its own.
    reserved = product("NAT0", "Hrs", ("0", "0.0100000000"), **NAT_HOUR)
    reserved["terms"] = {"Reserved": {}}
    api.products.insert(0, reserved)
    assert refresh(table) == 0
    assert prices.read(table).rows["nat.hour"].usd == 0.05
    assert [request.get("NextToken") for request in api.asked].count("1") == 1


def test_tiers_are_kept_in_order(api: PriceList, table: Path) -> None:
    api.products[0] = product("NAT1", "Hrs", ("100", "0.0400000000"), ("0", "0.0500000000"), **NAT_HOUR)
    assert refresh(table) == 0
    assert [(tier.from_, tier.usd) for tier in prices.read(table).rows["nat.hour"].tiers] == [(0, 0.05), (100, 0.04)]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda api: api.products.pop(0), "0 products of AmazonEC2 match"),
        (lambda api: api.products.append(api.products[0]), "2 products of AmazonEC2 match"),
        (lambda api: api.products.__setitem__(0, product("N", "GB", ("0", "1"), **NAT_HOUR)), "is priced by GB; Hrs"),
        (lambda api: api.products[0].pop("publicationDate"), "another shape"),
        (lambda api: api.products.__setitem__(0, product("N", "Hrs", ("5", "1"), **NAT_HOUR)), "tiers start at [5.0]"),
    ],
    ids=["none", "two", "another unit", "another shape", "tiers with a hole"],
)
def test_a_row_that_cannot_be_told_is_kept_and_said(
    api: PriceList, table: Path, spoil: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(api)
    assert refresh(table) == 1
    rows = prices.read(table).rows
    assert (rows["nat.hour"].usd, str(rows["nat.hour"].as_of)) == (0.048, "2026-01-01")
    assert str(rows["ec2.c7i.large"].as_of) == "2026-11-20"
    answer = capsys.readouterr().out
    assert "not read, kept as it was: nat.hour" in answer
    assert said in answer


def test_without_credentials_nothing_is_written(
    api: PriceList, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_bytes()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refresh(table) == 2
    assert "audit prices: prices: no_credentials: " in capsys.readouterr().err
    assert table.read_bytes() == before
    assert not api.asked


def test_a_refusal_of_aws_is_told_in_words(api: PriceList, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = table.read_bytes()
    api.refuses = "AccessDeniedException"
    assert refresh(table) == 2
    assert "not_allowed: AWS refuses pricing:GetProducts (AccessDeniedException: no)" in capsys.readouterr().err
    assert table.read_bytes() == before


def test_no_answer_is_told_in_words(
    table: Path, api: PriceList, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    before = table.read_bytes()
    assert refresh(table) == 2
    assert "unreachable" in capsys.readouterr().err
    assert table.read_bytes() == before


def test_a_new_region_gets_the_rows_of_another_one(api: PriceList, table: Path) -> None:
    here = {key: filters(key, "us-west-2") for key in ("nat.hour", "ec2.c7i.large")}
    api.products = [
        product("W1", "Hrs", ("0", "0.045"), **here["nat.hour"]),
        product("W2", "Hrs", ("0", "0.0893"), **here["ec2.c7i.large"]),
    ]
    assert refresh(table, "--region", "us-west-2") == 0
    made = prices.load("us-west-2", table.parent)
    assert (made.usd("nat.hour"), made.usd("ec2.c7i.large")) == (0.045, 0.0893)
    assert here["nat.hour"]["usagetype"] == "USW2-NatGateway-Hours"


def test_a_row_can_be_added(api: PriceList, table: Path) -> None:
    api.products.append(product("X", "Hrs", ("0", "0.19152"), **filters("ec2.c7i.xlarge", "eu-west-1")))
    assert refresh(table, "--add", "ec2.c7i.xlarge") == 0
    assert prices.read(table).usd("ec2.c7i.xlarge") == 0.19152


def test_an_unknown_region_is_refused(api: PriceList, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refresh(table, "--region", "mars-1") == 2
    assert "'mars-1' begin is not known; known are" in capsys.readouterr().err


def test_a_table_is_replaced_as_a_whole_or_not_at_all(
    api: PriceList, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = table.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit.cost.refresh.os.fsync", full)
    assert refresh(table) == 2
    assert "cannot be written (No space left on device)" in capsys.readouterr().err
    assert table.read_bytes() == before
    assert [path.name for path in table.parent.iterdir()] == ["eu-west-1.json"]


def test_the_shipped_table_is_written_as_refresh_would_write_it(tmp_path: Path) -> None:
    shipped = prices.REGIONS / "eu-west-1.json"
    copy = tmp_path / shipped.name
    shutil.copy(shipped, copy)
    assert shipped.read_text(encoding="utf-8") == text_of(prices.read(copy))


def test_a_table_is_shown_with_days_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "show", "eu-west-1"]) == 0
    said = capsys.readouterr().out
    for words in ("nat.hour", "0.048", "2026-09-25", "as remembered", "rows"):
        assert words in said
