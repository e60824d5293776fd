"""The real command line against the endpoints: deployed, no difference, a failure that says why, nothing left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT, DEFAULT_REGION, ROOT, AwsEndpoints
from local.clients import Clients
from local.customer import SHOOT
from local.deployment import failed_events
from local.errors import LocalError
from local.rehearsal.cdk import Cdk
from local.rehearsal.command import GRANT
from local.rehearsal.deployed import deployed_resources
from local.rehearsal.inventory import LISTED_TYPES, added, take_inventory
from local.rehearsal.variant import without_grant

pytestmark = [
    pytest.mark.platform,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not (ROOT / "node_modules" / "aws-cdk").exists(), reason="the CDK command line is not installed: `make synth`"
    ),
]


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[AwsEndpoints]:
    """Endpoints of one test alone: it destroys what they hold."""
    with AwsEndpoints(tmp_path / "aws", log=tmp_path / "aws.log", persistent=False, enforcing=True) as running:
        yield running


def _broken(folder: Path) -> Path:
    """An assembly of one stack whose bucket has a property that the endpoints refuse."""
    folder.mkdir()
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"ObjectLockEnabled": True}}
    (folder / "Broken.template.json").write_text(json.dumps({"Resources": {"Locked": bucket}}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{ACCOUNT}/{DEFAULT_REGION}",
        "properties": {"templateFile": "Broken.template.json"},
    }
    (folder / "manifest.json").write_text(json.dumps({"version": "48.0.0", "artifacts": {"Broken": stack}}))
    return folder


def test_the_real_command_line_deploys_everything_finds_no_difference_and_leaves_nothing(
    endpoints: AwsEndpoints, assembly: Assembly, tmp_path: Path
) -> None:
    clients, stacks = Clients(endpoints.address), assembly.stacks()
    said: list[str] = []
    folder = stacks[0].template.parent
    cdk = Cdk(
        address=endpoints.address, home=tmp_path / "cdk", log=tmp_path / "cdk.log", engine=None, progress=said.append
    )
    cdk.bootstrap()
    before = take_inventory(clients)
    cdk.deploy(folder)
    assert any(re.match(r"cdk deploy: rawmill-dev-network \d+/\d+ AWS::EC2::", line) for line in said)
    resources = deployed_resources(clients.cloudformation, stacks)
    assert cdk.diff(folder) == []
    there = added(before, take_inventory(clients))
    assert {each.resource_type for each in resources} & LISTED_TYPES <= there.keys()

    stack, policy = without_grant(folder, stacks, GRANT, tmp_path / "variant")
    [change] = cdk.diff(tmp_path / "variant")
    assert (change.how, change.stack, change.logical_id) == ("~", stack.name, policy)

    with pytest.raises(LocalError, match="cdk deploy ended with 1"):
        cdk.deploy(_broken(tmp_path / "broken"))
    assert "Locked (AWS::S3::Bucket): ObjectLockEnabled" in failed_events(clients.cloudformation, "Broken")

    cdk.destroy(folder)
    assert added(before, take_inventory(clients)) == {}


def test_an_interrupt_in_the_middle_of_a_deployment_leaves_no_process(tmp_path: Path) -> None:
    samples = tmp_path / "data" / "samples"
    samples.mkdir(parents=True)
    for seed, shot in enumerate(SHOOT, start=1):
        # No sample is ever sent: it ends before.
        (samples / f"sample-{seed}-{shot.size}.dng").touch()
    command = [sys.executable, "-m", "local", "deploy", "--image", "none", "--data", str(tmp_path / "data")]
    output = tmp_path / "said"
    with output.open("w") as terminal:
        process = subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while "cdk bootstrap: the account is ready" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        family = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(120) == 130
        # The tracker of a pool notices its parent's end by itself, a moment later.
        _, left = psutil.wait_procs(family, timeout=30)
        assert [child for child in left if child.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        if process.poll() is None:
            process.kill()
