"""The runbooks: what somebody types at night exists, and the names that they use are there."""

import json
import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from stacks.settings import Settings, environment_names
from tests.stacks.template import Template

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
RUNBOOKS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
SECTIONS = ["What users see", "Why", "First look", "What to do", "How to know it is over"]
# Commands of the AWS command line itself, beside those that are named after one operation of an API.
OF_THE_COMMAND_LINE = {("logs", "tail"), ("ecs", "wait"), ("rds", "wait")}
CALLED_OTHERWISE = {"s3api": "s3"}
OF_THE_SHELL = {"ENV", "TASK"}

Names = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)


def _commands(text: str) -> str:
    """Everything that is to be typed."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")


def _calls(commands: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)", commands)


def _first_word(line: Any) -> str:
    text = line if isinstance(line, str) else line["Fn::Join"][1][0]
    word: str = text.split(" ")[0]
    return word


@pytest.fixture(scope="module")
def names(template_of: Callable[[str, str], Template]) -> set[str]:
    """Names that the Observability stack gives, in any environment."""
    found: set[str] = set()
    for environment in environment_names():
        parameter = template_of("Observability", environment).only("AWS::SSM::Parameter")
        assert parameter["Name"] == f"/rawmill/{environment}/names"
        separator, parts = parameter["Value"]["Fn::Join"]
        found |= {_first_word(part) for part in parts}
        assert separator == "\n"
    return found


@Names
def test_a_runbook_has_its_five_parts(runbook: Path) -> None:
    assert re.findall(r"^## (.*)$", runbook.read_text(encoding="utf-8"), re.MULTILINE) == SECTIONS


@Names
def test_a_runbook_s_commands_are_commands_of_aws(runbook: Path) -> None:
    session = boto3.Session(region_name="eu-west-1")
    text = runbook.read_text(encoding="utf-8")
    calls = set(_calls(_commands(text)))
    assert calls
    for service, operation in calls - OF_THE_COMMAND_LINE:
        client = session.client(CALLED_OTHERWISE.get(service, service))  # type: ignore[call-overload]
        known = {xform_name(name, "-") for name in client.meta.service_model.operation_names}
        # The command line leaves out what only the API asks for.
        assert operation in known or operation == "invoke", f"aws {service} {operation}"


@Names
def test_a_runbook_s_names_are_given_by_the_stack(runbook: Path, names: set[str]) -> None:
    commands = _commands(runbook.read_text(encoding="utf-8"))
    used = set(re.findall(r"\$\{?([A-Za-z]\w*)", commands)) - OF_THE_SHELL
    assert used <= names, f"{sorted(used - names)}: the Observability stack gives no such name"
    assert commands.startswith("source docs/runbooks/names.sh ")


@Names
def test_a_runbook_s_links_lead_somewhere_and_its_settings_exist(runbook: Path) -> None:
    text = runbook.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (runbook.parent / link).exists(), link
    groups = Settings.model_fields
    for group, key in re.findall(r"`([a-z_]+)\.([a-z_]+)(?: = [^`]+)?`", text):
        assert group in groups, f"{group}.{key}"
        annotation = groups[group].annotation
        assert annotation is not None
        assert key in annotation.model_fields, f"{group}.{key}"


def test_every_name_is_used_by_a_runbook_or_its_shell(names: set[str]) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (*RUNBOOKS, FOLDER / "names.sh"))
    assert {name for name in names if f"${name}" not in text and f"${{{name}" not in text} == set()


AWS = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$1 $2" in
  "ssm get-parameter")
    printf 'WorkerCluster cluster\\nWorkerSubnets subnet-a,subnet-b\\nMaintenanceTask task:7\\n'
    printf 'WorkerSecurityGroup sg-1\\nMaintenanceContainer maintenance\\nMaintenanceLog log\\n' ;;
  "ecs run-task") echo arn:aws:ecs:eu-west-1:1:task/cluster/abc ;;
esac
"""


def test_the_shell_s_own_command_runs_a_maintenance_task_and_prints_its_log(tmp_path: Path) -> None:
    aws, calls = tmp_path / "aws", tmp_path / "calls"
    aws.write_text(AWS, encoding="utf-8")
    aws.chmod(aws.stat().st_mode | stat.S_IEXEC)
    script = f"source {FOLDER / 'names.sh'} prod && maintenance manage dead_letters show 'image 1'"
    subprocess.run(
        ["/usr/bin/env", "bash", "-c", script],
        check=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls)},
        timeout=60,
    )
    described, run, waited, logged = calls.read_text(encoding="utf-8").splitlines()
    assert "--name /rawmill/prod/names " in described
    assert "subnets=[subnet-a,subnet-b],securityGroups=[sg-1],assignPublicIp=DISABLED" in run
    overrides = json.loads(run.partition("--overrides ")[2].partition(" --query")[0])
    assert overrides == {
        "containerOverrides": [{"name": "maintenance", "command": ["manage", "dead_letters", "show", "image 1"]}]
    }
    assert waited == "ecs wait tasks-stopped --cluster cluster --tasks arn:aws:ecs:eu-west-1:1:task/cluster/abc"
    assert logged.endswith("--log-stream-names maintenance/maintenance/abc")
