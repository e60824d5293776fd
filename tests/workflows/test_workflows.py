"""Workflows on GitHub: who may do what with whose code, and that they are what their linters accept."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = Path(sys.executable).parent


def read(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return content


def steps(workflow: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", ())


def test_there_are_the_workflows_that_the_docs_name() -> None:
    page = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z-]+\.yml)`", page))
    assert named <= {path.name for path in WORKFLOWS}
    assert {"pull-request.yml", "review-comment.yml", "deploy.yml"} <= named


def test_they_have_the_form_of_workflows() -> None:
    command = [str(TOOLS / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_that_makes_workflows_unsafe_is_found() -> None:
    folder = str(ROOT / ".github" / "workflows")
    command = [str(TOOLS / "zizmor"), "--offline", "--no-progress", "--color=never", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_a_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: +(.+)", path.read_text(encoding="utf-8"))
    strangers = [item for item in used if not item.startswith("./")]
    assert [item for item in strangers if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", item)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_right_is_given_to_all_jobs_and_no_secret_is_used(path: Path) -> None:
    workflow = read(path.name)
    assert workflow["permissions"] == {}
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_the_code_of_a_pull_request_runs_without_any_right_but_to_read() -> None:
    workflow = read("pull-request.yml")
    # YAML takes the key `on` for a truth.
    assert list(workflow[True]) == ["pull_request"]
    assert [job["permissions"] for job in workflow["jobs"].values()] == [{"contents": "read"}] * 2
    checkouts = [step for step in steps(workflow) if str(step.get("uses")).startswith("actions/checkout")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_may_write_comments_checks_out_nothing_of_the_pull_request_and_runs_nothing_but_the_script() -> None:
    workflow = read("review-comment.yml")
    assert workflow[True] == {"workflow_run": {"workflows": ["pull request"], "types": ["completed"]}}
    assert read("pull-request.yml")["name"] == "pull request"
    found = list(steps(workflow))
    assert not any("run" in step for step in found)
    (checkout,) = (step for step in found if step["uses"].startswith("actions/checkout"))
    assert "ref" not in checkout["with"]
    assert "repository" not in checkout["with"]


def test_only_jobs_of_an_environment_get_a_token_for_aws_and_prod_comes_last() -> None:
    deploy, environment = read("deploy.yml"), read("deploy-environment.yml")
    assert deploy["jobs"]["plan"]["permissions"] == {"contents": "read", "deployments": "read"}
    order = {name: job.get("needs") for name, job in deploy["jobs"].items()}
    assert order == {"plan": None, "dev": "plan", "staging": ["plan", "dev"], "prod": ["plan", "staging"]}
    assert {name: job["with"]["environment"] for name, job in deploy["jobs"].items() if "with" in job} == {
        name: name for name in ("dev", "staging", "prod")
    }
    (job,) = environment["jobs"].values()
    # The deploy role trusts jobs of this environment alone (stacks/constructs/github_deployer.py).
    assert job["environment"]["name"] == "${{ inputs.environment }}"
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    (role,) = (step for step in job["steps"] if "configure-aws-credentials" in str(step.get("uses")))
    assert role["with"]["role-to-assume"] == "${{ vars.AWS_DEPLOY_ROLE_ARN }}"


def test_everything_is_proved_before_there_are_credentials_and_shown_before_it_is_deployed() -> None:
    found = list(steps(read("deploy-environment.yml")))
    text = [f"{step.get('uses', '')} {step.get('run', '')}" for step in found]

    def place(what: str) -> int:
        return next(index for index, item in enumerate(text) if what in item)

    places = [
        place(what) for what in ("make audit", "configure-aws-credentials", "$CDK diff", "$CDK deploy", "/health/")
    ]
    assert places == sorted(places)
