"""Tasks as containers of the image that was pushed, started as their task definitions say.

All that differs is listed in `DIFFERENCES`, which docs/local-deploy.md prints.
"""

import os
import resource
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.aws.endpoints import AwsAddress
from local.errors import LocalError, LocalReason
from local.overrides import environment_of_container
from local.process import ChildProcess, Program
from local.rehearsal.engine import DOCKER, Engine
from local.runners import Completed
from local.tasks import Task

DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "host of the image": ("that of the local registry; repository and tag as they are", "the account's does not exist"),
    "network mode `awsvpc`": ("the host's network", "servers and endpoints listen on loopback alone"),
    "system controls": ("none", "they belong to a network of the container's own"),
    "port 80 of web": ("a free port", "the host's ports are shared"),
    "volumes": ("volumes that end with the container", "the same on ECS: a task's volumes end with it"),
    "open files": ("at most what this machine allows", "an engine cannot give more than it has"),
    "cores": ("at most those of this machine", "the same"),
    "log driver": ("files in `platform/logs`", "CloudWatch Logs of this machine has no driver"),
}
"""What of a definition a container does not get as it is: what it gets instead, and why."""

_HANDLED = {
    *("command", "dockerSecurityOptions", "environment", "healthCheck", "image", "linuxParameters", "mountPoints"),
    *("readonlyRootFilesystem", "stopTimeout", "ulimits", "user"),
    # Listed above, or nothing that a container by itself would have.
    *("essential", "logConfiguration", "name", "portMappings", "privileged", "systemControls"),
}
_LABEL = "rawmill.deploy-local"
_STOPS_AT_ONCE_S = 5
_OF_THE_CLIENT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")


class Containers:
    """Runs tasks of one image; `remove` takes away what is left of them.

    Args:
        run: a name that tells this run's containers from those of others.
    """

    def __init__(self, engine: Engine, *, run: str) -> None:
        self._engine = engine
        self._run = run
        self._images: dict[str, str] = {}

    def pull(self, task: Task) -> str:
        """Fetch the image that the task definition names from the registry; its digest.

        Local names of the same image are removed before, so that it is the registry's that runs.
        """
        image = image_in_registry(task.container["image"], self._engine.registry)
        _, _, tag = image.rpartition(":")
        if image not in self._images:
            self._engine.docker("image", "rm", "--force", image, f"cdkasset-{tag}", check=False)
            self._engine.docker("pull", "--quiet", image)
            digests = self._engine.docker("image", "inspect", "--format", '{{join .RepoDigests " "}}', image)
            self._images[image] = digests.split("@")[-1]
        return self._images[image]

    def environment(
        self, task: Task, *, aws: AwsAddress, credentials: Mapping[str, str], web_port: int
    ) -> dict[str, str]:
        """The task definition's, with the addresses of this machine."""
        return environment_of_container(task, aws=aws, credentials=credentials, web_port=web_port)

    def start(self, task: Task, environment: Mapping[str, str], *command: str, name: str, log: Path) -> ChildProcess:
        """`docker run`, which hands signals on and ends as the container does."""
        return ChildProcess(
            Program(
                name=name,
                command=[*self._docker_run(task, environment, name=name), *command],
                environment=_client_environment(environment),
                log=log,
                folder=Path("/"),
                grace_s=float(task.container.get("stopTimeout", 30)) + _STOPS_AT_ONCE_S,
            )
        )

    def is_healthy(self, task: Task, environment: Mapping[str, str], *, name: str) -> bool:  # noqa: ARG002
        """The health check of the task definition, inside the container."""
        check = ["python", "-m", "service.check", task.part.value]
        return _run([DOCKER, "exec", self._name(name), *check], {}).returncode == 0

    def manage(self, task: Task, environment: Mapping[str, str], *command: str, told: str = "") -> Completed:
        """`manage COMMAND` in a container of the task's own image, with its role."""
        started = self._docker_run(task, environment, "--interactive", name="manage")
        return _run([*started, "manage", *command], environment, told=told)

    def remove(self) -> list[str]:
        """Take away every container of this run; the names of those that had not ended by themselves."""
        left = self._engine.docker("ps", "--all", "--filter", f"label={_LABEL}={self._run}", "--format", "{{.Names}}")
        for name in left.split():
            self._engine.docker("rm", "--force", "--volumes", name, check=False)
        return left.split()

    def forget_images(self) -> None:
        """Take away the image's local names; the build cache and the registry keep it."""
        for image in self._images:
            self._engine.docker("image", "rm", "--force", image, check=False)

    def _docker_run(self, task: Task, environment: Mapping[str, str], *more: str, name: str) -> list[str]:
        self.pull(task)
        # Values go through the environment of the client: a command line is for everybody's eyes.
        told = [part for variable in sorted(environment) for part in ("--env", variable)]
        labels = ["--name", self._name(name), "--label", f"{_LABEL}={self._run}"]
        options = ["--rm", "--pull", "never", "--network", "host", *labels, *options_of(task), *told, *more]
        return [DOCKER, "run", *options, image_in_registry(task.container["image"], self._engine.registry)]

    def _name(self, name: str) -> str:
        return f"rawmill-{self._run}-{name}"


def image_in_registry(image: str, registry: str) -> str:
    """The image of a task definition, where the registry of this machine has it: only the host differs."""
    host, _, rest = image.partition("/")
    if ".dkr.ecr." not in host or not rest:
        raise LocalError(LocalReason.DEPLOYMENT_FAILED, f"the image {image} is not in a registry of the account")
    return f"{registry}/{rest}"


def options_of(task: Task) -> list[str]:
    """What `docker run` is told so that the container gets what its definition says, and no more.

    Raises:
        LocalError: the definition has something that would be dropped here in silence.
    """
    container = task.container
    if dropped := container.keys() - _HANDLED:
        raise LocalError(
            LocalReason.DEPLOYMENT_FAILED,
            f"containers here would not get {', '.join(sorted(dropped))} of {task.family}",
        )
    cores = min(task.cpu_units / 1024, float(os.cpu_count() or 1))
    options = ["--user", container["user"], "--memory", f"{task.memory_mib}m", "--cpus", f"{cores:g}"]
    if container.get("readonlyRootFilesystem"):
        options.append("--read-only")
    for mount in container.get("mountPoints", []):
        options += ["--volume", mount["containerPath"]]
    linux = container.get("linuxParameters", {})
    for capability in linux.get("capabilities", {}).get("drop", []):
        options += ["--cap-drop", capability]
    if linux.get("initProcessEnabled"):
        options.append("--init")
    for option in container.get("dockerSecurityOptions", []):
        options += ["--security-opt", option]
    options += _limits(task)
    options += ["--stop-timeout", str(container.get("stopTimeout", 30))]
    return [*options, *_health(task)]


def _limits(task: Task) -> Iterator[str]:
    # An engine cannot give more than it may open itself.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in task.container.get("ulimits", []):
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if limit["name"] == "nofile" and most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        yield from ("--ulimit", f"{limit['name']}={soft}:{hard}")


def _health(task: Task) -> Iterator[str]:
    check = task.container.get("healthCheck")
    if check is None:
        return
    # A list for exec, which the engine's command line takes as a text; ours needs no shell's quotes.
    yield from ("--health-cmd", " ".join(check["command"][1:]))
    times = {"interval": "--health-interval", "timeout": "--health-timeout", "startPeriod": "--health-start-period"}
    for key, option in times.items():
        yield from (option, f"{check[key]}s")  # type: ignore[literal-required]
    yield from ("--health-retries", str(check["retries"]))


def _client_environment(told: Mapping[str, str]) -> dict[str, str]:
    return {**{name: os.environ[name] for name in _OF_THE_CLIENT if name in os.environ}, **told}


def _run(command: list[str], environment: Mapping[str, str], *, told: str = "") -> Completed:
    return subprocess.run(
        command, env=_client_environment(environment), input=told, capture_output=True, text=True, check=False
    )
