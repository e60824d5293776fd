"""Parts of `make deploy-local` that need no deployment: what is read, what is refused, what is listed."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from local.assembly import Assembly
from local.aws.endpoints import ROOT
from local.errors import LocalError
from local.rehearsal import engine, page
from local.rehearsal.cdk import Change, changes_in, step_of
from local.rehearsal.command import GRANT, SETTING
from local.rehearsal.containers import image_in_registry, options_of
from local.rehearsal.coverage import KNOWN_TYPES, Extent, coverage_of, require_coverage
from local.rehearsal.deployed import Resource, named_resources, template_of
from local.rehearsal.inventory import added, sorted_out
from local.rehearsal.refusals import Refusals
from local.rehearsal.report import Report, Step
from local.rehearsal.variant import Grant, Setting, raised_by_one, without_grant
from local.tasks import Part, Task
from stacks.settings import environment_names, load_settings

BUILD = "#12 [build  5/11] RUN pip install --require-hashes -r requirements.txt"
EVENT = "rawmill-dev-web | 12/30 | 9:29:13 PM | CREATE_COMPLETE      | AWS::ECS::Cluster  | Cluster (Cluster) "
DIFF = """
start: Building rawmill-dev-data Template
Stack Data (rawmill-dev-data) (aws://000000000000/eu-west-1)
Parameters
[+] Parameter BootstrapVersion BootstrapVersion: {"Type":"AWS::SSM::Parameter::Value<String>"}
Resources
[~] AWS::S3::Bucket ResultsBucket ResultsBucket
 └─ [~] LifecycleConfiguration
     └─ [-] Removed: .Rules
[-] AWS::SQS::Queue Jobs/Queue JobQueue destroy
[~] AWS::RDS::DBInstance Database Database replace
Stack Web (rawmill-dev-web) (aws://000000000000/eu-west-1)
[+] AWS::IAM::Role WebRole/Role WebRole58E3A575
Outputs
[+] Output Exports/Output Name: {"Value":"x"}
✨  Number of stacks with differences: 2
"""


@pytest.fixture
def task() -> Task:
    """A task definition with everything that ours have."""
    return Task(
        part=Part.WORKER,
        arn="arn:aws:ecs:eu-west-1:000000000000:task-definition/rawmill-dev-burst:1",
        family="rawmill-dev-burst",
        command=("worker", "--until-empty"),
        environment={"RAWMILL_RESULTS_BUCKET": "results", "RAWMILL_QUEUE_URL": "http://127.0.0.1:1/0/jobs"},
        role_arn="arn:aws:iam::000000000000:role/worker",
        cpu_units=512,
        memory_mib=4096,
        container={
            "name": "burst",
            "image": "000000000000.dkr.ecr.eu-west-1.amazonaws.com/assets:abc",
            "user": "10001:10001",
            "readonlyRootFilesystem": True,
            "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp"}],
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": True},
            "dockerSecurityOptions": ["no-new-privileges"],
            "ulimits": [{"name": "core", "softLimit": 0, "hardLimit": 0}],
            "stopTimeout": 120,
            "healthCheck": {
                "command": ["CMD", "python", "-m", "service.check", "worker"],
                "interval": 30,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 60,
            },
        },
    )


@pytest.mark.parametrize(
    ("line", "step"),
    [
        (EVENT, "rawmill-dev-web 12/30 AWS::ECS::Cluster"),
        (EVENT.replace("CREATE_COMPLETE", "CREATE_IN_PROGRESS"), None),
        (BUILD, "image, build stage 5/11 RUN"),
        (
            "rawmill-dev-web: start: Publishing Image/Asset (current_account-eu-west-1-975339a9)",
            "publishing Image/Asset",
        ),
        ("rawmill-dev-web: success: Published Image/Asset (current_account-eu-west-1-975339a9)", None),
        ("#12 0.531 Collecting numpy", None),
        ("", None),
    ],
)
def test_a_line_of_the_command_line_says_where_it_is_or_nothing(line: str, step: str | None) -> None:
    assert step_of(line) == step


def test_only_resources_count_as_changes_each_with_its_stack() -> None:
    assert changes_in(DIFF) == [
        Change(how="~", stack="rawmill-dev-data", resource_type="AWS::S3::Bucket", logical_id="ResultsBucket"),
        Change(how="-", stack="rawmill-dev-data", resource_type="AWS::SQS::Queue", logical_id="JobQueue"),
        Change(how="~", stack="rawmill-dev-data", resource_type="AWS::RDS::DBInstance", logical_id="Database"),
        Change(how="+", stack="rawmill-dev-web", resource_type="AWS::IAM::Role", logical_id="WebRole58E3A575"),
    ]
    assert changes_in("Stack Data (rawmill-dev-data)\nThere were no differences\n") == []


def test_an_image_comes_from_the_local_registry_under_the_name_of_its_task_definition(task: Task) -> None:
    assert image_in_registry(task.container["image"], "127.0.0.1:5000") == "127.0.0.1:5000/assets:abc"
    with pytest.raises(LocalError, match="library/python is not in a registry of the account"):
        image_in_registry("docker.io/library/python", "127.0.0.1:5000")


def test_a_container_gets_every_limit_of_its_definition(task: Task) -> None:
    options = " ".join(options_of(task))
    for wanted in (
        "--user 10001:10001",
        "--memory 4096m",
        "--cpus 0.5",
        "--read-only",
        "--volume /tmp",
        "--cap-drop ALL",
        "--init",
        "--security-opt no-new-privileges",
        "--ulimit core=0:0",
        "--stop-timeout 120",
        "--health-cmd python -m service.check worker --health-interval 30s --health-timeout 5s",
        "--health-start-period 60s --health-retries 3",
    ):
        assert wanted in options
    assert "--privileged" not in options


def test_a_property_that_containers_would_not_get_is_refused_by_its_name(task: Task) -> None:
    container: Any = {**task.container, "secrets": []}
    with pytest.raises(LocalError, match="would not get secrets of rawmill-dev-burst"):
        options_of(replace(task, container=container))


def _resource(resource_type: str, physical_id: str, *, kept: bool = False) -> Resource:
    return Resource(stack="s", logical_id="L", physical_id=physical_id, resource_type=resource_type, kept=kept)


def test_tasks_may_name_only_what_the_stacks_have_deployed(task: Task) -> None:
    role = _resource("AWS::IAM::Role", "worker")
    bucket = _resource("AWS::S3::Bucket", "results")
    queue = _resource("AWS::SQS::Queue", "http://127.0.0.1:1/0/jobs")
    assert named_resources({Part.WORKER: task}, [role, bucket, queue]) == {role, bucket, queue}
    with pytest.raises(LocalError, match="worker is told RAWMILL_RESULTS_BUCKET=results, which no stack has deployed"):
        named_resources({Part.WORKER: task}, [role, queue])


def test_every_type_of_every_environment_has_an_entry_and_no_entry_is_for_nothing() -> None:
    snapshots = (ROOT / "tests" / "stacks" / "__snapshots__").rglob("*")
    text = "\n".join(path.read_text() for path in snapshots if path.is_file())
    used = set(re.findall(r"['\"]Type['\"]: ['\"]((?:AWS|Custom)::\w+(?:::\w+)?)['\"]", text))
    assert len(used) > 50
    assert used <= KNOWN_TYPES
    assert used | _recorded_types() >= KNOWN_TYPES


def test_what_the_endpoints_only_record_is_not_said_to_work() -> None:
    works = {name for name in _recorded_types() & KNOWN_TYPES if coverage_of(name).extent is Extent.WORKS}
    assert works == set()


def _recorded_types() -> set[str]:
    program = (
        "import json\nfrom local.aws.emulator.resources import recorded\n"
        "print(json.dumps(sorted(recorded.handlers({}))))\n"
    )
    said = subprocess.run(
        [str(ROOT / ".venv-aws/bin/python"), "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(json.loads(said.stdout.splitlines()[-1]))


def test_a_type_without_an_entry_fails_by_its_name() -> None:
    with pytest.raises(LocalError, match="nothing is known of how far AWS::EC2::SpotFleet goes on this machine"):
        require_coverage(["AWS::S3::Bucket", "AWS::EC2::SpotFleet"])


def test_the_page_lists_what_the_code_has() -> None:
    text = page.PAGE.read_text()
    assert page.fresh(text) == text, "run `make local-docs`"


def test_a_refusal_is_read_from_the_log_with_the_role_that_asked(tmp_path: Path) -> None:
    log = tmp_path / "aws.log"
    log.write_text("2026-01-01 WARNING [policies] refused s3:GetObject on arn:aws:s3:::b/old to arn:aws:iam::0:root\n")
    refusals = Refusals(log)
    assert refusals.seen() == []
    line = "WARNING [policies] refused s3:PutObject on arn:aws:s3:::b/k to arn:aws:sts::0:assumed-role/web/x\n"
    with log.open("a") as file:
        file.write(line * 2)
    [refusal] = refusals.seen()
    assert (refusal.action, refusal.resource, refusal.role) == ("s3:PutObject", "arn:aws:s3:::b/k", "web")


@pytest.mark.parametrize("environment", environment_names())
def test_one_setting_is_raised_in_one_environment_alone(environment: str, tmp_path: Path) -> None:
    before, after = raised_by_one(environment, SETTING, tmp_path / "environments")
    assert after == before + 1
    for name in environment_names():
        kept = load_settings(name)
        changed = load_settings(name, tmp_path / "environments")
        if name != environment:
            assert changed == kept
            continue
        assert changed.storage.results_retention_days == after
        storage = changed.storage.model_copy(update={SETTING.key: before})
        assert changed.model_copy(update={SETTING.table: storage}) == kept


def test_a_setting_of_a_table_that_the_file_leaves_out_is_raised_too(tmp_path: Path) -> None:
    assert "[jobs]" not in (ROOT / "environments" / "dev.toml").read_text()
    before, _ = raised_by_one("dev", Setting(table="jobs", key="time_limit_s"), tmp_path / "environments")
    assert load_settings("dev", tmp_path / "environments").jobs.time_limit_s == before + 1


def test_a_template_without_a_grant_differs_in_that_action_and_is_published_under_its_own_name(
    assembly: Assembly, tmp_path: Path
) -> None:
    stacks = assembly.stacks()
    folder = stacks[0].template.parent
    stack, policy = without_grant(folder, stacks, GRANT, tmp_path / "variant")
    before, after = template_of(stack), json.loads((tmp_path / "variant" / stack.template.name).read_text())
    statements = after["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    [statement] = [each for each in statements if each["Sid"] == GRANT.sid]
    assert GRANT.action not in statement["Action"]
    statement["Action"] = sorted([*statement["Action"], GRANT.action])
    assert after == before
    changed = Assembly(tmp_path / "variant", account="0", region="r")
    assert {each.key for each in changed.files()} != {each.key for each in assembly.files()}
    with pytest.raises(LocalError, match="no statement Uploads grants s3:Everything"):
        without_grant(folder, stacks, Grant(sid="Uploads", action="s3:Everything"), tmp_path / "none")


def test_what_is_left_is_told_apart_from_what_the_templates_keep() -> None:
    before = {"AWS::S3::Bucket": frozenset({"cdk-assets"})}
    after = {"AWS::S3::Bucket": frozenset({"cdk-assets", "vault", "uploads"}), "AWS::SQS::Queue": frozenset[str]()}
    left = added(before, after)
    assert left == {"AWS::S3::Bucket": ["uploads", "vault"]}
    resources = [_resource("AWS::S3::Bucket", "vault", kept=True), _resource("AWS::S3::Bucket", "uploads")]
    assert sorted_out(left, resources) == ({"AWS::S3::Bucket": ["vault"]}, {"AWS::S3::Bucket": ["uploads"]})


def test_the_report_counts_resources_by_type_and_how_far_they_go() -> None:
    console = Console(width=100)
    resources = [_resource("AWS::S3::Bucket", "a"), _resource("AWS::S3::Bucket", "b"), _resource("AWS::EC2::VPC", "v")]
    with console.capture() as captured:
        Report(resources=resources, steps=[Step(what="cdk diff", shown="no difference", seconds=2)]).print(console)
    text = captured.get()
    assert "S3::Bucket 2" in text
    assert "3 resources of 2 types created: 2 work" in text
    assert "no difference" in text


def test_without_a_container_engine_the_message_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"there is no command `docker`: install Docker, or leave .* IMAGE=none"):
        engine.find_engine({"REGISTRY": "127.0.0.1:1"})
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)
    with pytest.raises(LocalError, match=r"no container engine answers \(Cannot connect to the Docker daemon\)"):
        engine.find_engine({"REGISTRY": "127.0.0.1:1"})


class _Registry(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        """Answer as told."""
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """Where something answers like a registry."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_registry_must_answer_without_a_password_and_builds_use_the_network_that_there_is(
    registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = network ] && cat "$(dirname "$0")/networks"\nexit 0\n')
    docker.chmod(0o755)
    networks = tmp_path / "networks"
    networks.write_text("bridge\nhost\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(LocalError, match="REGISTRY is not set"):
        engine.find_engine({})
    monkeypatch.setattr(_Registry, "status", 401)
    with pytest.raises(LocalError, match=rf"REGISTRY={registry}: GET /v2/ says 401"):
        engine.find_engine({"REGISTRY": registry})
    monkeypatch.setattr(_Registry, "status", 200)
    assert engine.find_engine({"REGISTRY": registry}).builder == "docker"
    networks.write_text("host\nnone\n")
    builder = engine.find_engine({"REGISTRY": registry}).builder
    docker.write_text('#!/bin/sh\necho "$@"\n')
    said = [
        subprocess.run([builder, *command], capture_output=True, text=True, check=True).stdout.strip()
        for command in (["build", "--tag", "a b", "."], ["push", "a"])
    ]
    assert said == ["build --network host --tag a b .", "push a"]
