"""docs/network.md, docs/architecture.md and their pictures against the templates."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stacks.pictures import platform, platform_tables
from stacks.pictures.__main__ import DOCS, PAGES, fresh
from stacks.pictures.facts import AclRule, Facts, read_facts
from stacks.pictures.network import PictureError, draw
from stacks.pictures.platform_facts import PlatformFacts, read_platform
from stacks.pictures.tables import JourneyError, journey, network_acl

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def facts(assemblies: Path) -> Facts:
    """Production's network."""
    return read_facts(assemblies / "prod" / "Network.template.json")


@pytest.fixture(scope="module")
def expected(assemblies: Path) -> dict[str, str]:
    """The documents as they should be."""
    texts = {name: (DOCS / name).read_text(encoding="utf-8") for name in PAGES}
    return fresh(assemblies / "prod", texts)


@pytest.mark.docs
@pytest.mark.parametrize(
    "name", ["network.md", "network.svg", "architecture.md", "architecture.svg", "configuration.md"]
)
def test_the_documents_show_the_platform_as_it_is_synthesized(expected: dict[str, str], name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == expected[name], f"docs/{name} has fallen behind: run make infrastructure-docs"


@pytest.mark.parametrize("configuration", ["dev", "prod", "three-zones", "elsewhere"])
def test_a_picture_names_every_subnet_with_its_block(assemblies: Path, configuration: str) -> None:
    facts = read_facts(assemblies / configuration / "Network.template.json")
    words = {element.text for element in ET.fromstring(draw(facts)).iter(f"{SVG}text")}  # noqa: S314
    assert set(facts.subnets.values()) <= words
    assert {f"{tier}-{letter}" for tier, letter in facts.subnets} <= words
    assert set(facts.zones.values()) <= words


def test_a_picture_has_an_arrow_for_every_flow_in_every_zone(facts: Facts) -> None:
    paths = ET.fromstring(draw(facts)).iter(f"{SVG}path")  # noqa: S314
    arrows = sum("marker-end" in path.attrib for path in paths)
    targets_from_outside = {target for source, target, _ in facts.flows if source == "internet"}
    inside = sum(source != "internet" for source, _, _ in facts.flows)
    gateways = 1
    legend, s3 = 4, 1
    assert arrows == len(facts.zones) * (inside + len(targets_from_outside) + gateways) + legend + s3


def test_a_flow_without_a_place_in_the_picture_is_refused(facts: Facts) -> None:
    odd = replace(facts, flows=(*facts.flows, ("load-balancer", "database", 5432)))
    with pytest.raises(PictureError, match="load-balancer to database: give it a lane"):
        draw(odd)


def test_a_journey_that_a_network_acl_stops_is_refused(facts: Facts) -> None:
    shut = AclRule(number=1, egress=False, action="deny", block="0.0.0.0/0", ports=(1, 65535))
    stopped = replace(facts, acls=facts.acls | {"private-db": (shut, *facts.acls["private-db"])})
    with pytest.raises(JourneyError, match=r"ingress with 10\.0\.12\.30, port 5432, is denied"):
        journey(stopped)


def test_a_table_ends_each_direction_with_the_denial_that_aws_adds(facts: Facts) -> None:
    lines = network_acl(facts, "private-db").splitlines()
    assert [line for line in lines if "| * |" in line] == [
        "| ingress | * | deny | everything else | 0.0.0.0/0 |",
        "| egress | * | deny | everything else | 0.0.0.0/0 |",
    ]


@pytest.fixture
def whole(assemblies: Path) -> PlatformFacts:
    """Production's platform."""
    return read_platform(assemblies / "prod")


def _words(picture: str) -> set[str | None]:
    return {element.text for element in ET.fromstring(picture).iter(f"{SVG}text")}  # noqa: S314


@pytest.mark.parametrize("configuration", ["dev", "staging", "prod", "three-zones", "elsewhere"])
def test_a_platform_s_picture_shows_every_part_it_has_and_none_that_it_lacks(
    assemblies: Path, configuration: str
) -> None:
    facts = read_platform(assemblies / configuration)
    shown = _words(platform.draw(facts))
    assert set(facts.words.values()) <= shown
    titles = {part: title for part, (_, _, title) in platform.CARDS.items()}
    assert {titles[part] for part in titles.keys() - facts.words.keys()} & shown == set()


def test_an_arrow_of_the_platform_is_a_permission_found_in_a_policy(whole: PlatformFacts) -> None:
    assert ("worker", "vault", "writes") in whole.flows
    assert ("results", "customers", "reads by link") in whole.flows
    assert ("dead letters", "maintenance", "takes") in whole.flows
    pairs = {(source, target) for source, target, _ in whole.flows}
    assert not {("web", "vault"), ("vault", "web"), ("worker", "session store"), ("customers", "vault")} & pairs


def test_a_permission_without_a_place_in_the_picture_is_refused(whole: PlatformFacts) -> None:
    odd = replace(whole, flows=(*whole.flows, ("web", "vault", "writes")))
    with pytest.raises(PictureError, match="web to vault: give it a lane"):
        platform.draw(odd)


def test_a_part_without_a_place_in_the_picture_is_refused(whole: PlatformFacts) -> None:
    odd = replace(whole, words={**whole.words, "cache": "new"})
    with pytest.raises(PictureError, match="cache: give it a card"):
        platform.draw(odd)


def test_stacks_stand_in_the_order_in_which_they_are_deployed(whole: PlatformFacts) -> None:
    order = list(whole.stacks)
    assert order.index("Network") < order.index("Data") < order.index("Messaging")
    assert order[-1] == "Observability"


def test_a_stack_that_nobody_has_described_is_refused(whole: PlatformFacts) -> None:
    odd = replace(whole, stacks={**whole.stacks, "Odd": next(iter(whole.stacks.values()))})
    with pytest.raises(PictureError, match="Odd: say in _OWNS"):
        platform_tables.stacks(odd)
