"""docs/availability.md and its picture against the templates, the one server's and the environments'."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from audit.assembly import load_assembly
from audit.cost.single import INSTANCE
from audit.spof.docs import DOCS, PAGE, PICTURE, SERVER, SERVER_FOLDER, Size, fresh, sizes
from audit.spof.model import EVERYTHING
from audit.spof.times import read_times
from stacks.settings import load_settings

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def found(assemblies: Path) -> dict[str, Size]:
    return {size.name: size for size in sizes(assemblies)}


@pytest.fixture(scope="module")
def made(assemblies: Path) -> dict[str, str]:
    return fresh(assemblies, (DOCS / PAGE).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [PAGE, PICTURE])
def test_page_and_picture_show_the_templates_as_they_are(made: dict[str, str], name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == made[name], f"docs/{name} has fallen behind: run make availability-docs"


def test_everything_dies_with_the_one_server_and_nothing_dies_alone_in_production(found: dict[str, Size]) -> None:
    (server, zone) = found[SERVER].judgement.single_points
    assert (server.what, server.stops) == ("one of server", EVERYTHING)
    assert zone.because == ("server",)
    assert found["prod"].judgement.single_points == ()


def test_dev_has_single_points_of_failure_and_the_page_names_each(found: dict[str, Size], made: dict[str, str]) -> None:
    points = found["dev"].judgement.single_points
    assert {"one of database", "one of web tasks and their instances"} <= {death.what for death in points}
    for death in points:
        assert f"| `dev` | {death.what} |" in made[PAGE]


def test_the_one_server_is_the_one_that_is_priced() -> None:
    (server,) = load_assembly(SERVER_FOLDER).of_kind("AWS::EC2::Instance")
    assert server.properties["InstanceType"] == INSTANCE


def test_times_are_those_of_the_settings(assemblies: Path) -> None:
    times, settings = read_times(load_assembly(assemblies / "prod")), load_settings("prod")
    assert times.visibility_s == settings.messaging.visibility_timeout_s
    assert times.max_receives == settings.messaging.max_receive_count
    assert (times.check_every_s, times.check_within_s, times.up_after, times.down_after) == (30, 5, 2, 3)


def test_times_beside_what_was_measured_are_those_of_the_templates(assemblies: Path) -> None:
    kept = json.loads((DOCS / "evidence.json").read_text(encoding="utf-8"))["templates"]
    now = asdict(read_times(load_assembly(assemblies / "prod")))
    assert kept == now, "docs/evidence.md has fallen behind: run make evidence EVIDENCE=--page"
