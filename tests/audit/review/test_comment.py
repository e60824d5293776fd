"""The comment: one line when nothing matters, never longer than allowed, and nothing of a template breaks out of it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from audit.cli.main import main
from audit.review.comment import LONGEST, MARKER, comment
from audit.review.compare import GATES, Review, compare
from tests.audit import vpc
from tests.audit.folders import write_assembly
from tests.audit.review.pairs import assemblies, resource, reviewed

OPEN = resource(
    "EC2::SecurityGroupIngress",
    GroupId={"Ref": "DbGroup"},
    IpProtocol="tcp",
    FromPort=5432,
    ToPort=5432,
    CidrIp="10.0.0.0/16",
)


def told(*reviews: Review, limit: int = LONGEST) -> str:
    return comment(reviews, base="main", head="branch", limit=limit)


def opened(folder: Path) -> Review:
    return reviewed(folder, lambda resources: resources.update(Open=OPEN))


def environments(folder: Path, **templates: dict[str, Any]) -> Path:
    for name, template in templates.items():
        write_assembly(folder / name, One=template)
    return folder


def test_nothing_is_told_in_one_line(tmp_path: Path) -> None:
    text = told(reviewed(tmp_path, lambda _: None))
    assert text == f"{MARKER}\n**Infrastructure: nothing changes** in test (`main` → `branch`).\n"


def test_the_same_pair_is_told_in_the_same_words(tmp_path: Path) -> None:
    assert told(opened(tmp_path / "1")) == told(opened(tmp_path / "2"))


def test_environments_of_which_the_same_is_told_share_it(tmp_path: Path) -> None:
    before = vpc.template(vpc.corrected())
    after = copy.deepcopy(before)
    after["Resources"]["Open"] = OPEN
    pair = assemblies(tmp_path, before, after)
    text = told(*(compare(name, *pair) for name in ("dev", "prod")), compare("quiet", pair[0], pair[0]))
    assert "| dev, prod | " in text
    assert "| quiet | nothing |" in text
    assert text.count("<details") == 1


def test_a_hostile_name_cannot_leave_its_code_span(tmp_path: Path) -> None:
    name = "`</details> @everyone | <script>\n# heading"
    review = reviewed(tmp_path, lambda resources: resources.update(Topic=resource("SNS::Topic", DisplayName="x")))
    hostile = reviewed(
        tmp_path / "hostile",
        lambda resources: resources.update(
            Topic={**resource("SNS::Topic"), "Metadata": {"aws:cdk:path": name}},
        ),
    )
    assert told(hostile).count("`") % 2 == told(review).count("`") % 2 == 0
    (line,) = (line for line in told(hostile).splitlines() if "script" in line)
    before, _, after = line.partition("</details>")
    assert before.count("`") % 2 == 1
    assert after.count("`") % 2 == 1
    assert "# heading" in line


def test_a_comment_is_shortened_until_it_fits_and_says_so(tmp_path: Path) -> None:
    def change(resources: dict[str, Any]) -> None:
        resources["Open"] = OPEN
        for number in range(2000):
            resources[f"Queue{number}"] = resource("SQS::Queue", DelaySeconds=number % 900)
            resources[f"Alarm{number}"] = resource("CloudWatch::Alarm", MetricName=f"m{number}", Threshold=number)

    review = reviewed(tmp_path, change)
    whole = told(review, limit=10**9)
    assert len(whole) > LONGEST
    for limit in (LONGEST, 5_000, 1_500, 600):
        text = told(review, limit=limit)
        assert len(text) <= limit
        assert text.startswith(MARKER)
        assert "audit review --json" in text
    # What matters most is told as long as anything is.
    assert "network paths opened" in told(review, limit=1_500)


def test_a_question_that_cannot_be_answered_leaves_the_others_answered_and_exits_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = vpc.template(vpc.corrected())
    after = copy.deepcopy(before)
    after["Resources"]["Peering"] = resource("EC2::VPCPeeringConnection", VpcId={"Ref": "Vpc"})
    after["Resources"]["Queue"] = resource("SQS::Queue")
    base, head = environments(tmp_path / "base", prod=before), environments(tmp_path / "head", prod=after)
    assert main(["review", str(base), str(head)]) == 2
    text = capsys.readouterr().out
    assert "cannot tell about network" in text
    assert "VPCPeeringConnection" in text
    assert "added `SQS::Queue`" in text


def test_no_gate_shuts_when_nothing_changes(tmp_path: Path) -> None:
    base = environments(tmp_path, prod=vpc.template(vpc.corrected()))
    assert main(["review", str(base), str(base), "--fail-on", ",".join(GATES)]) == 0


def test_gates_shut_for_what_they_are_named_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = vpc.template(vpc.corrected())
    after = copy.deepcopy(before)
    after["Resources"]["Open"] = OPEN
    after["Resources"]["Database"]["Properties"]["DBName"] = "photos"
    base, head = environments(tmp_path / "base", prod=before), environments(tmp_path / "head", prod=after)
    assert main(["review", str(base), str(head)]) == 0
    assert main(["review", str(base), str(head), "--fail-on", ",".join(GATES)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "audit review: gate shut: prod: replaced-stateful",
        "audit review: gate shut: prod: path-opened",
    ]


def test_an_unknown_gate_is_refused_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(tmp_path), str(tmp_path), "--fail-on", "nonsense"]) == 2
    assert "'nonsense': is no gate; there are: deleted-stateful" in capsys.readouterr().err


def test_new_and_removed_environments_are_told_without_their_resources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = vpc.template(vpc.corrected())
    base = environments(tmp_path / "base", old=template, same=template)
    head = environments(tmp_path / "head", new=template, same=template)
    assert main(["review", str(base), str(head), "--fail-on", ",".join(GATES)]) == 0
    text = capsys.readouterr().out
    assert "| new | new environment: 1 stacks" in text
    assert "| old | not in the app any more: what is deployed stays" in text
    assert "| same | nothing |" in text


def test_it_is_there_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = vpc.template(vpc.corrected())
    after = copy.deepcopy(before)
    after["Resources"]["Open"] = OPEN
    base, head = environments(tmp_path / "base", prod=before), environments(tmp_path / "head", prod=after)
    assert main(["review", str(base), str(head), "--json"]) == 0
    (review,) = json.loads(capsys.readouterr().out)
    assert review["environment"] == "prod"
    assert review["resources"][0]["address"] == "One.Open"
    assert {path["way"] for path in review["paths"]} == {"opened"}


def test_a_folder_that_is_no_assembly_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = environments(tmp_path / "base", prod=vpc.template(vpc.corrected()))
    assert main(["review", str(base), str(tmp_path / "nowhere")]) == 2
    assert "nowhere: does not exist" in capsys.readouterr().err
    assert main(["review", str(base), str(base / "prod")]) == 2
    assert "one is an assembly, the other a folder of several" in capsys.readouterr().err


def test_it_is_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = environments(tmp_path / "base", prod=vpc.template(vpc.corrected()))
    out = tmp_path / "made" / "comment.md"
    assert main(["review", str(base), str(base), "--out", str(out), "--base-name", "main"]) == 0
    assert out.read_text(encoding="utf-8").startswith(MARKER)
    assert "`main`" in out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == ""
    below_a_file = out / "comment.md"
    assert main(["review", str(base), str(base), "--out", str(below_a_file)]) == 2
    assert capsys.readouterr().err.startswith(f"audit review: {below_a_file}: cannot be written (")
