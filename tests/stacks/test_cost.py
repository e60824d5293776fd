"""The bill of every configuration, the prices that environments state, and the pages that are made of them."""

import tomllib
from pathlib import Path

import pytest

from audit.assembly import load_assembly
from audit.cost import prices, profile
from audit.cost.buckets import read_buckets
from audit.cost.docs import DOCS, PAGES, fresh
from audit.cost.estimate import estimate
from audit.cost.limits import limits
from audit.cost.model import Driver
from stacks.settings import environment_names, load_settings
from tests.stacks.configurations import configurations

TABLE = prices.load("eu-west-1")


@pytest.mark.parametrize("name", sorted(configurations()))
def test_every_resource_of_every_configuration_is_priced_or_listed_with_a_reason(name: str, assemblies: Path) -> None:
    assembly = load_assembly(assemblies / name)
    found = estimate(assembly, profile.load("agency"), TABLE)
    counted = {line.resource for line in found.lines} | {item.resource for item in found.missing}
    listed = {item.resource: item.why for item in found.not_priced}
    assert counted | set(listed) == set(assembly.resources)
    assert all(listed.values())
    assert not found.missing, f"prices refresh --add {found.missing[0].price}"


@pytest.mark.parametrize("name", sorted(environment_names()))
def test_months_with_more_images_cost_more_and_their_fixed_part_is_the_same(name: str, assemblies: Path) -> None:
    assembly = load_assembly(assemblies / name)
    studio, agency = (estimate(assembly, profile.load(each), TABLE) for each in ("small-studio", "agency"))
    assert studio.total.expected < agency.total.expected
    fixed = [bill.of_driver(Driver.FIXED).expected for bill in (studio, agency)]
    assert fixed[0] == pytest.approx(fixed[1])


def test_production_pays_for_two_zones_and_dev_for_one_database(assemblies: Path) -> None:
    spare = {
        name: sum(
            line.cost.expected - line.alone.expected
            for line in estimate(load_assembly(assemblies / name), profile.load("agency"), TABLE).lines
            if line.component == "database"
        )
        for name in ("dev", "prod")
    }
    assert spare["dev"] == 0
    assert spare["prod"] > 100


def test_every_bucket_of_the_platform_says_what_lies_in_it(assemblies: Path) -> None:
    paths = {
        bucket.path.removesuffix("/Resource")
        for bucket in load_assembly(assemblies / "prod").of_kind("AWS::S3::Bucket")
    }
    assert set(read_buckets()) == paths, "audit/buckets.toml names other buckets than the templates"


@pytest.mark.parametrize("name", sorted(environment_names()))
def test_the_worker_price_of_an_environment_is_that_of_the_price_table(name: str) -> None:
    settings = load_settings(name)
    listed = TABLE.usd(f"ec2.{settings.workers.instance_type}")
    assert settings.budget.worker_instance_usd_per_hour == pytest.approx(listed, rel=0.01), (
        f"environments/{name}.toml: budget.worker_instance_usd_per_hour; the price table has {listed}"
    )


@pytest.mark.parametrize("name", sorted(environment_names()))
def test_the_burst_price_of_an_environment_is_not_below_that_of_the_price_table(name: str, assemblies: Path) -> None:
    bursts = [limit for limit in limits(load_assembly(assemblies / name), TABLE) if limit.what.startswith("burst")]
    for limit in bursts:
        listed = limit.usd_per_month / 730
        assert load_settings(name).budget.burst_task_usd_per_hour >= listed, f"the price table has {listed:.4f}"


@pytest.fixture(scope="module")
def made(assemblies: Path) -> dict[str, str]:
    return fresh(assemblies, {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES})


@pytest.mark.parametrize("name", [*PAGES, "images/cost.svg", "images/break_even.svg"])
def test_pages_and_plots_show_the_templates_as_they_are(made: dict[str, str], name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == made[name], f"docs/{name} has fallen behind: run make cost-docs"


def test_profiles_of_the_pages_are_those_that_are_shipped(made: dict[str, str]) -> None:
    for name in profile.shipped():
        title = tomllib.loads((profile.PROFILES / f"{name}.toml").read_text(encoding="utf-8"))["title"]
        assert title in made["investment.md"]
