"""The audit says what real packets do, in networks that are right, wrong, flaky and drawn at random."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.reach.load import read_network
from tests.audit import large, vpc
from tests.audit.folders import write_assembly
from tests.audit.oracle.compare import compare
from tests.audit.oracle.kernel import RefusedError, check
from tests.audit.oracle.plan import read_plan
from tests.audit.oracle.templates import Templates
from tests.audit.oracle.world import world

LINUX = (32_768, 60_999)


@pytest.fixture(autouse=True)
def kernel_allows_it() -> None:
    try:
        check()
    except RefusedError as error:
        pytest.skip(f"no networks can be built here: {error}")


def flaky() -> dict[str, Any]:
    """Only Linux's ports come back to NAT gateways and load balancers, which use more."""
    acls = vpc.corrected()
    acls["App"] = [rule if rule[3] != 1024 else (*rule[:3], *LINUX) for rule in acls["App"]]
    acls["Public"] = [
        (vpc.INGRESS, "allow", vpc.ANYWHERE, *LINUX),
        (vpc.INGRESS, "allow", vpc.ANYWHERE, 443, 443),
        (vpc.INGRESS, "allow", "10.0.0.0/16", -1, -1),
        (vpc.EGRESS, "allow", vpc.ANYWHERE, -1, -1),
    ]
    return vpc.template(acls)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(vpc.template(vpc.textbook()), id="textbook"),
        pytest.param(flaky(), id="flaky"),
        # With a public address in a private subnet, and an open security group at it.
        pytest.param(large.template(zones=2, tiers=3, rules=60, seed=7), id="random"),
    ],
)
def test_every_connection_ends_as_the_audit_says(tmp_path: Path, template: dict[str, Any]) -> None:
    folder = write_assembly(tmp_path / "cdk.out", One=template)
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.oracle", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "agreed (100.0000%)" in done.stdout
    assert "dropped by the same hop and rule" in done.stdout


@pytest.mark.parametrize(
    ("name", "key", "value", "says"),
    [
        ("AppAcl8", "RuleAction", "deny", "the audit says delivered, but not answered by One.AppAcl ingress"),
        ("AppOuta", "DestinationCidrBlock", "192.0.2.0/24", "10:443: the audit says blocked by One.Appa routes"),
        ("Balancer", "Scheme", "internal", "the oracle sees an interface that the audit does not"),
    ],
)
def test_an_audit_of_another_network_is_found_out(tmp_path: Path, name: str, key: str, value: Any, says: str) -> None:
    """The oracle would notice: it builds one network, and the audit is asked about a slightly different one."""
    real, other = vpc.template(vpc.corrected()), vpc.template(vpc.corrected())
    other["Resources"][name]["Properties"][key] = value
    plan = read_plan(Templates.of(write_assembly(tmp_path / "real", One=real)))
    network = read_network(load_assembly(write_assembly(tmp_path / "other", One=other)))
    found = compare(network, plan)
    assert any(says in text for text in found.disagreements), found.disagreements


def test_a_world_has_nothing_in_common_with_the_machines_own_network(tmp_path: Path) -> None:
    plan = read_plan(Templates.of(write_assembly(tmp_path / "cdk.out", One=vpc.template(vpc.textbook()))))
    before = socket.if_nameindex()
    with world(plan) as built:
        assert socket.if_nameindex() == before
        with built.router.inside():
            assert {"igw", "s3", "r0", "n0"} <= {name for _, name in socket.if_nameindex()}
    assert socket.if_nameindex() == before
    with pytest.raises(RefusedError, match="Bad file descriptor"), built.router.inside():
        pass
