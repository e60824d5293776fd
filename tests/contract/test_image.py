"""The image and the tasks made of it: commands, user, folders that may be written, what is built in."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stacks.settings import environment_names
from tests.stacks.template import Resource, Template

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
TemplateOf = Callable[[str, str], Template]

COMMANDS = {
    "web": ["web"],
    "worker": ["worker"],
    "burst": ["worker", "--until-empty"],
    "maintenance": ["sweep"],
}


@pytest.fixture(params=environment_names())
def containers(request: pytest.FixtureRequest, template_of: TemplateOf) -> dict[str, Resource]:
    """Every container of an environment by its name."""
    found = {
        container["Name"]: container
        for stack in ("Web", "Workers")
        for task in template_of(stack, request.param).all("AWS::ECS::TaskDefinition").values()
        for container in task["ContainerDefinitions"]
    }
    assert {"web", "maintenance"} < found.keys() <= COMMANDS.keys()
    return found


def _last(instruction: str) -> str:
    """The argument of an instruction in the image that is shipped, the last stage."""
    shipped = DOCKERFILE.replace("\\\n", " ").rpartition("\nFROM ")[2]
    found = re.findall(rf"^{instruction} (.*)$", shipped, re.MULTILINE)
    assert len(found) == 1, f"{instruction}: {found}"
    return str(found[0])


def test_each_task_runs_its_command_of_the_one_entry_point(containers: dict[str, Resource]) -> None:
    assert json.loads(_last("ENTRYPOINT")) == ["python", "-m", "service"]
    for name, container in containers.items():
        assert container["Command"] == COMMANDS[name]
        assert "EntryPoint" not in container, f"{name}: its entry point is the image's"


def test_tasks_run_as_the_user_that_the_image_makes(containers: dict[str, Resource]) -> None:
    assert {container["User"] for container in containers.values()} == {_last("USER")} == {"10001:10001"}
    assert "--uid 10001" in DOCKERFILE


def test_what_may_be_written_is_a_volume_of_the_image_and_a_mount_of_the_task(containers: dict[str, Resource]) -> None:
    for name, container in containers.items():
        assert container["ReadonlyRootFilesystem"] is True, name
        mounted = {mount["ContainerPath"] for mount in container["MountPoints"]}
        assert mounted == set(json.loads(_last("VOLUME"))) == {"/tmp", "/scratch"}, name


def test_health_is_asked_for_in_the_same_way_inside_and_outside_of_ecs(containers: dict[str, Resource]) -> None:
    options, _, command = _last("HEALTHCHECK").partition(" CMD ")
    check = containers["web"]["HealthCheck"]
    assert check["Command"] == ["CMD", *json.loads(command)]
    spelled = {
        "interval": f"{check['Interval']}s",
        "timeout": f"{check['Timeout']}s",
        "retries": str(check["Retries"]),
        "start-period": f"{check['StartPeriod']}s",
    }
    assert dict(re.findall(r"--([a-z-]+)=(\w+)", options)) == spelled
    for name in {"worker", "burst"} & containers.keys():
        assert containers[name]["HealthCheck"]["Command"] == ["CMD", "python", "-m", "service.check", "worker"]


def test_what_the_image_copies_is_what_the_build_context_holds() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    assert copied == let_in - {"Dockerfile"}


def _metrics(template: Template) -> Iterator[str]:
    for alarm in template.all("AWS::CloudWatch::Alarm").values():
        for query in [alarm, *(query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics", []))]:
            if str(query.get("Namespace", "")).startswith("Rawmill/"):
                yield query["MetricName"]


def test_alarms_watch_metrics_that_the_burst_function_writes(template_of: TemplateOf) -> None:
    watched = set(_metrics(template_of("Observability", "prod")))
    written = set(re.findall(r'"(\w+)": (?:outstanding|live|outcome|count)', _source("metrics.py")))
    assert {"BurstStartsFailed", "BurstTasksLive"} <= watched <= written


def _source(name: str) -> str:
    return (ROOT / "lambda" / "burst" / name).read_text(encoding="utf-8")


def test_the_burst_function_is_told_exactly_what_it_reads(template_of: TemplateOf) -> None:
    listed = re.search(r"^VARIABLES = \((.*?)\)$", _source("settings.py"), re.DOTALL | re.MULTILINE)
    assert listed is not None
    read = set(re.findall(r'"(\w+)"', listed[1]))
    (function,) = [
        function
        for function in template_of("Workers", "prod").all("AWS::Lambda::Function").values()
        if "CLUSTER" in function.get("Environment", {}).get("Variables", {})
    ]
    assert function["Environment"]["Variables"].keys() == read
    assert function["Handler"] == "index.handler"
