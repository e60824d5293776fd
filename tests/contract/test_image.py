"""The image and the tasks made of it: commands, user, folders that may be written, what is built in."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image import assemble
from stacks.settings import environment_names
from tests.stacks.configurations import configurations
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


def test_the_signal_that_ecs_sends_is_the_one_that_the_service_drains_at(containers: dict[str, Resource]) -> None:
    assert _last("STOPSIGNAL") == "SIGTERM"
    for name, container in containers.items():
        assert container["LinuxParameters"]["InitProcessEnabled"] is True, f"{name}: no init hands the signal on"


def test_each_task_runs_its_command_of_the_one_entry_point(containers: dict[str, Resource]) -> None:
    assert json.loads(_last("ENTRYPOINT")) == ["python", "-m", "service"]
    for name, container in containers.items():
        assert container["Command"] == COMMANDS[name]
        assert "EntryPoint" not in container, f"{name}: its entry point is the image's"


def test_tasks_run_as_the_user_that_the_image_makes(containers: dict[str, Resource]) -> None:
    assert {container["User"] for container in containers.values()} == {_last("USER")} == {"10001:10001"}
    assert assemble.USER == 10001
    owners = re.findall(r"^COPY .*--chown=(\S+) /writable /$", DOCKERFILE, re.MULTILINE)
    assert owners == ["10001:10001"], "who the task is owns what it may write"


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


def _builds(assemblies: Path, configuration: str) -> list[dict[str, Any]]:
    """How each stack that runs tasks has its image built, as `cdk deploy` reads it."""
    builds = []
    for stack in ("Web", "Workers"):
        manifest = json.loads((assemblies / configuration / f"{stack}.assets.json").read_text(encoding="utf-8"))
        builds += [asset["source"] for asset in manifest["dockerImages"].values()]
    return builds


def test_the_base_that_an_environment_names_is_the_one_that_its_image_is_built_on(assemblies: Path) -> None:
    named = configurations()["three-zones"].container_image.base
    assert named is not None
    assert "@sha256:" in named
    assert [build["dockerBuildArgs"] for build in _builds(assemblies, "three-zones")] == [{"BASE_IMAGE": named}] * 2
    # The argument is the one that both stages are based on.
    assert re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE)[0] == "BASE_IMAGE"
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE_IMAGE}", "scratch"]


def test_an_environment_that_names_no_base_takes_the_dockerfiles_own(assemblies: Path) -> None:
    for build in _builds(assemblies, "small"):
        assert "dockerBuildArgs" not in build


@pytest.mark.parametrize(("configuration", "platform"), [("prod", "linux/amd64"), ("three-zones", "linux/arm64")])
def test_the_image_is_built_for_the_instruction_set_of_the_machines(
    assemblies: Path, configuration: str, platform: str
) -> None:
    assert {build["platform"] for build in _builds(assemblies, configuration)} == {platform}


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
