"""The picture shows what was proved: every flow that completes, nothing that does not, and what is refuted."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from audit.assembly import load_assembly
from audit.cli.main import main
from audit.draw.scene import Arrow, Scene, Spot, scene
from audit.draw.tracks import Run, tracks
from audit.reach.invariants import Invariants
from audit.reach.load import read_network
from audit.reach.prove import cases, prove_cases
from tests.audit import vpc
from tests.audit.folders import write_assembly
from tests.audit.test_prove import INVARIANTS

SVG = "{http://www.w3.org/2000/svg}"
ZONES = ("eu-west-1a", "eu-west-1b")


def shown(folder: Path, template: dict[str, Any]) -> Scene:
    found = cases(
        read_network(load_assembly(write_assembly(folder, One=template))), Invariants.model_validate(INVARIANTS)
    )
    return scene(found[None], prove_cases(found), title="test")


def flows(picture: Scene) -> set[tuple[str, str, str, str]]:
    return {(arrow.source.name, arrow.target.name, arrow.ports, arrow.note) for arrow in picture.arrows}


def test_every_flow_that_completes_is_an_arrow_in_every_zone(tmp_path: Path) -> None:
    picture = shown(tmp_path / "cdk.out", vpc.template(vpc.corrected()))
    assert flows(picture) == {
        ("internet", "load balancer", "443", ""),
        ("load balancer", "web", "80", ""),
        ("web", "database", "5432", ""),
        ("web", "load balancer", "443", ""),
        ("web", "NAT gateway", "443", ""),
        ("NAT gateway", "internet", "443", ""),
        ("web", "s3", "443", ""),
    }
    to_database = [arrow for arrow in picture.arrows if arrow.target.name == "database"]
    assert to_database == [
        Arrow(source=Spot("web", 1, zone), target=Spot("database", 2, zone), ports="5432") for zone in ZONES
    ]


def test_a_reply_that_is_dropped_takes_the_arrow_away_and_is_told_in_the_caption(tmp_path: Path) -> None:
    picture = shown(tmp_path / "cdk.out", vpc.template(vpc.textbook()))
    assert not {flow for flow in flows(picture) if flow[0] == "web" and flow[1] in {"database", "s3", "internet"}}
    assert "Refuted: web -> database tcp 5432 completes, both ways." in picture.caption


def test_a_flow_that_one_zone_lacks_says_so(tmp_path: Path) -> None:
    acls = vpc.corrected()
    acls["Db"].insert(0, (vpc.INGRESS, "deny", vpc.block("App", "a"), 5432, 5432))
    template = vpc.template(acls)
    template["Resources"]["DbbAcl"]["Properties"]["NetworkAclId"] = {"Ref": "PublicAcl"}
    notes = {arrow.note for arrow in shown(tmp_path / "cdk.out", template).arrows if arrow.target.name == "database"}
    assert notes == {"", "eu-west-1b only"}


def test_the_file_is_an_svg_with_a_head_for_every_arrow(tmp_path: Path) -> None:
    folder = write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.corrected()))
    invariants = tmp_path / "invariants.toml"
    invariants.write_text('flows = []\n[parties]\nweb = { group = "One.WebGroup" }\n')
    out = tmp_path / "network.svg"
    assert main(["draw", str(folder), "--out", str(out), "--invariants", str(invariants)]) == 0
    document = ET.fromstring(out.read_text())  # noqa: S314
    paths = [path.attrib for path in document.iter(f"{SVG}path")]
    lines = [path for path in paths if path["class"].endswith("line")]
    assert len(paths) == 2 * len(lines)
    assert {"web", "Balancer", "NAT gateway", "internet"} <= {text.text for text in document.iter(f"{SVG}text")}


def test_a_picture_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.corrected()))
    out = tmp_path / "nowhere" / "network.svg"
    invariants = tmp_path / "invariants.toml"
    invariants.write_text("flows = []\n[parties]\n")
    assert main(["draw", str(folder), "--out", str(out), "--invariants", str(invariants)]) == 2
    assert capsys.readouterr().err == f"audit draw: {out}: cannot be written (No such file or directory)\n"


@pytest.mark.parametrize("count", [1, 5])
def test_lines_that_would_touch_have_tracks_of_their_own(count: int) -> None:
    runs = [Run(number, 0, 100) for number in range(count)] + [Run(count, 200, 300)]
    found = tracks(runs)
    assert sorted(found[number] for number in range(count)) == list(range(count))
    assert found[count] == 0
