"""Invariants are proved over every pair, refuted with a packet, and never proved about nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.cli.main import main
from audit.errors import AuditError
from audit.reach.invariants import Invariants, read_invariants
from audit.reach.load import read_network
from audit.reach.prove import Proof, prove
from tests.audit import vpc
from tests.audit.folders import write_assembly

INVARIANTS: dict[str, Any] = {
    "parties": {
        "load balancer": {"group": "One.BalancerGroup"},
        "web": {"group": "One.WebGroup"},
        "database": {"group": "One.DbGroup", "kind": "database"},
        "S3": {"service": "s3"},
    },
    "flows": [
        {"source": "internet", "target": "load balancer", "ports": [443]},
        {"source": "load balancer", "target": "web", "ports": [80]},
        {"source": "web", "target": "database", "ports": [5432]},
        {"source": "web", "target": "internet", "ports": [443]},
        {"source": "web", "target": "S3", "ports": [443]},
        {"source": "web", "target": "load balancer", "ports": [443]},
    ],
    "never": {
        "internet": ["database"],
        "through_nat": ["S3"],
        "ports": [22, 3389],
        "through_one_layer": ["database"],
    },
}

Refuted = Callable[[dict[str, Any]], dict[tuple[str, str | None], Proof]]


@pytest.fixture
def refuted(tmp_path: Path) -> Refuted:
    """The refuted statements of a template, by statement and lost zone."""

    def run(template: dict[str, Any]) -> dict[tuple[str, str | None], Proof]:
        network = read_network(load_assembly(write_assembly(tmp_path / "cdk.out", One=template)))
        proofs = prove(network, Invariants.model_validate(INVARIANTS))
        return {(proof.statement, proof.lost): proof for proof in proofs if not proof.proved}

    return run


def test_the_corrected_network_keeps_every_invariant_in_every_zone(refuted: Refuted) -> None:
    assert refuted(vpc.template(vpc.corrected())) == {}


def test_the_textbook_network_is_refuted_by_the_reply_that_it_drops(refuted: Refuted) -> None:
    found = refuted(vpc.template(vpc.textbook()))
    proof = found["web -> database tcp 5432 completes, both ways", None]
    assert "One.AppAcl ingress: rule * (deny all that is left) (return)" in str(proof.refutations[0])
    assert "tcp 10.0.21.0:5432 -> 10.0.11.0:32768" in str(proof.refutations[0])
    assert len(found) > 6


def change_property(resource: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(resources: dict[str, Any]) -> None:
        resources[resource]["Properties"][key] = value

    return change


def remove(resource: str) -> Callable[[dict[str, Any]], None]:
    def change(resources: dict[str, Any]) -> None:
        del resources[resource]

    return change


def add(name: str, kind: str, **properties: Any) -> Callable[[dict[str, Any]], None]:
    def change(resources: dict[str, Any]) -> None:
        resources[name] = {"Type": f"AWS::EC2::{kind}", "Properties": properties}

    return change


@pytest.mark.parametrize(
    ("change", "statement", "lost"),
    [
        (remove("DbIn"), "web -> database tcp 5432 completes, both ways", None),
        (remove("S3"), "web -> S3 tcp 443 completes, both ways", None),
        (change_property("BalancerIn", "ToPort", 444), "nothing else is delivered to anybody", None),
        (change_property("WebOut", "ToPort", 65_535), "nothing else is delivered to anybody", None),
        (
            change_property("AppOutb", "NatGatewayId", {"Ref": "Nata"}),
            "every zone uses its own NAT gateway",
            None,
        ),
        (
            change_property("AppOutb", "NatGatewayId", {"Ref": "Nata"}),
            "web -> internet tcp 443 completes, both ways",
            "eu-west-1a",
        ),
        (
            add(
                "DbRoute",
                "Route",
                RouteTableId={"Ref": "DbTablea"},
                DestinationCidrBlock="0.0.0.0/0",
                NatGatewayId={"Ref": "Nata"},
            ),
            "no way from database to the internet",
            None,
        ),
        (
            add(
                "Open",
                "SecurityGroupIngress",
                GroupId={"Ref": "DbGroup"},
                IpProtocol="tcp",
                FromPort=5432,
                ToPort=5432,
                CidrIp="0.0.0.0/0",
            ),
            "security groups alone, and network ACLs alone, keep the internet from database",
            None,
        ),
        (
            add(
                "Ssh",
                "SecurityGroupIngress",
                GroupId={"Ref": "BalancerGroup"},
                IpProtocol="tcp",
                FromPort=22,
                ToPort=22,
                CidrIp="0.0.0.0/0",
            ),
            "ports 22 and 3389 are closed everywhere",
            None,
        ),
        (
            change_property("Database", "VPCSecurityGroups", [{"Ref": "WebGroup"}]),
            "every interface belongs to exactly one party",
            None,
        ),
        (
            add("Stranger", "Instance", SubnetId={"Ref": "Appa"}, SecurityGroupIds=[{"Ref": "StrangersGroup"}]),
            "every interface belongs to exactly one party",
            None,
        ),
    ],
)
def test_a_change_refutes_the_statement_that_it_breaks(
    refuted: Refuted, change: Callable[[dict[str, Any]], None], statement: str, lost: str | None
) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"]["StrangersGroup"] = {
        "Type": "AWS::EC2::SecurityGroup",
        "Properties": {"VpcId": {"Ref": "Vpc"}},
    }
    change(template["Resources"])
    assert (statement, lost) in refuted(template)


def test_a_flow_without_anybody_to_make_it_is_not_proved(refuted: Refuted) -> None:
    template = vpc.template(vpc.corrected())
    del template["Resources"]["Database"]
    found = refuted(template)["web -> database tcp 5432 completes, both ways", None]
    assert found.refutations[0].what == "there is no web or no database: nothing was proved"


def test_a_party_that_no_file_defines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "invariants.toml"
    path.write_text('flows = [{source = "web", target = "internet", ports = [1]}]\n[parties]\n')
    with pytest.raises(AuditError, match="flows: 'web' is no party; defined are internet"):
        read_invariants(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("flows = [", "is not TOML"),
        ("[parties]", "flows: Field required"),
        ("flows = []\nfoo = 1\n[parties]", "foo: Extra inputs"),
        (
            'flows = [{source = "internet", target = "internet", ports = [70000]}]\n[parties]',
            "less than or equal to 65535",
        ),
    ],
)
def test_a_file_of_invariants_that_is_wrong_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "invariants.toml"
    path.write_text(content)
    with pytest.raises(AuditError) as refused:
        read_invariants(path)
    assert says in str(refused.value)


def test_the_command_says_by_its_exit_code_whether_it_is_proved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "invariants.toml"
    path.write_text(
        '[parties]\nweb = { group = "One.WebGroup" }\ndatabase = { group = "One.DbGroup" }\n'
        'balancer = { group = "One.BalancerGroup" }\n'
        '[[flows]]\nsource = "web"\ntarget = "database"\nports = [5432]\n'
    )
    folder = write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.textbook()))
    assert main(["prove", str(folder), "--invariants", str(path)]) == 1
    assert "refuted: web -> database tcp 5432 completes, both ways" in capsys.readouterr().out
    assert main(["prove", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: does not exist" in capsys.readouterr().err


def test_a_journey_is_told_hop_by_hop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.textbook())))
    assert main(["reach", folder, "--from", "Web @ Appa", "--to", "database", "--port", "5432"]) == 0
    told = capsys.readouterr().out
    assert "forward pass  One.DbGroup ingress: One.DbIn" in told
    assert "return  drop  One.AppAcl ingress: rule *" in told
    assert main(["reach", folder, "--from", "nobody", "--to", "internet"]) == 2
    assert "name 'nobody': is nobody here; there are:" in capsys.readouterr().err
    assert main(["reach", folder, "--from", "Web"]) == 2
    assert "give --from and --to, or --matrix" in capsys.readouterr().err
    assert main(["reach", folder, "--from", "Web", "--to", "database", "--port", "70000"]) == 2
    assert "--port 70000: a port from 0 to 65535 is needed" in capsys.readouterr().err


def test_what_does_not_claim_to_survive_a_zone_is_not_held_against_it(tmp_path: Path) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"]["AppOutb"]["Properties"]["NatGatewayId"] = {"Ref": "Nata"}
    network = read_network(load_assembly(write_assembly(tmp_path / "cdk.out", One=template)))
    proofs = prove(network, Invariants.model_validate(INVARIANTS), one_zone=True)
    assert all(proof.proved for proof in proofs)
    assert {proof.lost for proof in proofs} == {None}
    assert "every zone uses its own NAT gateway" not in {proof.statement for proof in proofs}


def test_nothing_is_claimed_that_the_invariants_do_not_ask_for(tmp_path: Path) -> None:
    network = read_network(load_assembly(write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.corrected()))))
    asked = {key: INVARIANTS[key] for key in ("parties", "flows")}
    statements = {proof.statement for proof in prove(network, Invariants.model_validate(asked))}
    assert not {statement for statement in statements if "never" in statement or "closed" in statement}
    assert all(proof.cases for proof in prove(network, Invariants.model_validate(asked)))
