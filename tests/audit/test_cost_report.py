"""What `audit cost` says: to people, to programs, as a page; and to those who made a mistake."""

import json
from pathlib import Path

import pytest

from audit.assembly import load_assembly
from audit.cli.main import main
from audit.cost import prices
from audit.cost.model import Level
from audit.cost.report import report
from tests.audit.by_hand import month, plain_prices
from tests.audit.folders import write_assembly
from tests.audit.platform_template import template


@pytest.fixture
def assembly_folder(tmp_path: Path) -> Path:
    return write_assembly(tmp_path / "cdk.out", One=template())


def test_the_report_names_what_matters(assembly_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(assembly_folder)]) == 0
    said = capsys.readouterr().out
    for words in (
        "eu-west-1",
        "workers",
        "per 1000 images",
        "One.Group",
        "sqs",
        "loss of a zone",
        "one server",
        "not verified",
    ):
        assert words in said, f"{words!r} is not in the report"


def test_programs_get_numbers_that_add_up(assembly_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", str(assembly_folder), "--profile", "small-studio", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for level in Level:
        assert found["total"][level] == pytest.approx(sum(line["cost"][level] for line in found["lines"]))
        assert found["total"][level] == pytest.approx(sum(cost[level] for cost in found["components"].values()))
        assert found["total"][level] == pytest.approx(found["fixed"][level] + found["per_image_part"][level])


def test_an_old_price_is_called_stale(
    assembly_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = json.loads((prices.REGIONS / "eu-west-1.json").read_text())
    for row in file["rows"]:
        row["as_of"] = "2020-01-31" if row["key"] == "nat.hour" else "2999-01-01"
    table = tmp_path / "old.json"
    table.write_text(json.dumps(file))
    assert main(["cost", str(assembly_folder), "--prices", str(table)]) == 0
    stale = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stale")]
    assert len(stale) == 1
    assert stale[0].startswith("stale, of 2020-01-31, ")
    assert stale[0].endswith(": nat.hour")


def test_page_and_plot_are_written_and_the_same_again(assembly_folder: Path, tmp_path: Path) -> None:
    pages, plots = [], []
    for run in ("one", "two"):
        page, plot = tmp_path / f"{run}.md", tmp_path / f"{run}.svg"
        assert main(["cost", str(assembly_folder), "--markdown", str(page), "--plot", str(plot), "--json"]) == 0
        pages.append(page.read_text())
        plots.append(plot.read_text())
    assert pages[0] == pages[1]
    assert plots[0] == plots[1]
    assert "| **all** |" in pages[0]
    assert plots[0].startswith("<svg")
    assert "database" in plots[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "nonesuch"], "profile nonesuch: no profile and no file of that name"),
        (["--region", "mars-1"], "no price table for region 'mars-1'"),
        (["--prices", "/nonexistent.json"], "/nonexistent.json: cannot be read (No such file or directory)"),
        (["--plot", "/nonexistent/cost.svg"], "/nonexistent/cost.svg: cannot be written"),
    ],
)
def test_a_mistake_is_answered_in_one_line(
    assembly_folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", str(assembly_folder), *arguments]) == 2
    answer = capsys.readouterr().err.strip()
    assert answer.startswith("audit cost: ")
    assert said in answer
    assert "\n" not in answer


def test_templates_for_any_region_need_one_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_assembly(tmp_path, environment="aws://unknown-account/unknown-region", One=template())
    assert main(["cost", str(folder)]) == 2
    assert "name it with --region" in capsys.readouterr().err
    assert main(["cost", str(folder), "--region", "eu-west-1", "--json"]) == 0


def test_the_bill_is_held_against_the_budget_of_the_templates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = {"TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": 1000, "Unit": "USD"}}
    budget = {"Type": "AWS::Budgets::Budget", "Properties": {"Budget": limit}}
    folder = write_assembly(tmp_path, One=template(Budget=budget))
    assert report("one", load_assembly(folder), month(), plain_prices()).budget == 1000
    assert main(["cost", str(folder)]) == 0
    assert "of the budget, 1,000" in capsys.readouterr().out
