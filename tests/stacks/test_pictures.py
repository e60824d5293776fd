"""docs/network.md and its picture against the templates."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stacks.pictures.__main__ import DOCS, fresh
from stacks.pictures.facts import AclRule, Facts, read_facts
from stacks.pictures.network import PictureError, draw
from stacks.pictures.tables import JourneyError, journey, network_acl

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def facts(assemblies: Path) -> Facts:
    """Production's network."""
    return read_facts(assemblies / "prod" / "Network.template.json")


@pytest.mark.parametrize("name", ["network.md", "network.svg"])
def test_the_documents_show_the_network_as_it_is_synthesized(assemblies: Path, name: str) -> None:
    text = (DOCS / "network.md").read_text(encoding="utf-8")
    expected = fresh(assemblies / "prod" / "Network.template.json", text)[name]
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == expected, f"docs/{name} has fallen behind: run make network-docs"


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
