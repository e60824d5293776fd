"""Containers as a task definition asks for them, on the engine of this machine."""

import json
import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from image.engine import docker
from tests.stacks.template import Resource

PIDS = 512
"""ECS has no such setting for a task. The image has to live with far less than an instance has."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A task definition with its one container, as the synthesized template has them."""

    task: Resource

    @property
    def container(self) -> Resource:
        """The container's part."""
        [container] = self.task["ContainerDefinitions"]
        return dict(container)

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["Name"])

    @property
    def command(self) -> list[str]:
        """What follows the image's entry point."""
        return list(self.container["Command"])

    @property
    def check(self) -> list[str]:
        """The health check as it is executed."""
        return list(self.container["HealthCheck"]["Command"][1:])

    @property
    def stop_timeout_s(self) -> int:
        """From SIGTERM to SIGKILL."""
        return int(self.container["StopTimeout"])

    @property
    def memory_mib(self) -> int:
        """Limit of the task."""
        return int(self.task["Memory"])

    def arguments(self) -> list[str]:
        """What `docker run` is told about limits and rights: all that the definition says and an engine can do."""
        container, linux = self.container, self.container["LinuxParameters"]
        said = [
            "--network=host",
            f"--user={container['User']}",
            f"--memory={self.memory_mib}m",
            f"--memory-swap={self.memory_mib}m",
            f"--cpus={min(int(self.task['Cpu']) / 1024, os.cpu_count() or 1)}",
            f"--pids-limit={PIDS}",
            f"--stop-timeout={self.stop_timeout_s}",
            # Fargate has no such option in a definition, and gives no privilege to gain.
            "--security-opt=no-new-privileges",
        ]
        said += ["--read-only"] if container["ReadonlyRootFilesystem"] else []
        said += ["--init"] if linux["InitProcessEnabled"] else []
        said += [f"--cap-drop={each}" for each in linux["Capabilities"]["Drop"]]
        said += [f"--mount=type=volume,dst={mount['ContainerPath']}" for mount in container["MountPoints"]]
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for limit in container["Ulimits"]:
            # An engine cannot give more than it was given.
            soft, hard = (min(limit[kind], most) for kind in ("SoftLimit", "HardLimit"))
            said.append(f"--ulimit={limit['Name']}={soft}:{hard}")
        return said


@dataclass(frozen=True)
class Container:
    """A container of ours, running or ended."""

    id: str
    definition: Definition

    @property
    def state(self) -> dict[str, Any]:
        """As the engine sees it."""
        return self.inspect()["State"]  # type: ignore[no-any-return]

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return bool(self.state["Running"])

    def inspect(self) -> dict[str, Any]:
        """Everything that the engine knows of it."""
        return json.loads(docker("inspect", self.id))[0]  # type: ignore[no-any-return]

    @property
    def log(self) -> str:
        """What it wrote to both of its outputs."""
        done = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)  # noqa: S607
        return done.stdout + done.stderr

    def events(self, reason: str) -> list[dict[str, Any]]:
        """Lines of its log that give a reason code."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("reason") == reason]

    def execute(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command inside, as the container's own user."""
        return subprocess.run(["docker", "exec", self.id, *command], capture_output=True, text=True, check=False)  # noqa: S607

    def python(self, code: str) -> str:
        """What Python prints inside."""
        done = self.execute("python", "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def healthy(self) -> bool:
        """Whether its health check passes now."""
        return self.execute(*self.definition.check).returncode == 0

    def stop(self) -> float:
        """As ECS stops a task; returns how many seconds it took to end."""
        began_s = time.monotonic()
        docker("stop", self.id)
        return time.monotonic() - began_s


@contextmanager
def running(
    image: str,
    definition: Definition,
    environment: Mapping[str, str],
    *,
    command: Sequence[str] | None = None,
    more: Sequence[str] = (),
) -> Iterator[Container]:
    """A container, removed with its volumes at the end."""
    told = [f"--env={name}={value}" for name, value in environment.items()]
    started = docker("run", "--detach", *definition.arguments(), *more, *told, image, *(command or definition.command))
    container = Container(started, definition)
    try:
        yield container
    finally:
        if container.running:
            # In order: a worker that is killed takes the message that is on its way to it out of sight.
            docker("stop", "--time=20", started)
        docker("rm", "--force", "--volumes", started)


def wait_until(condition: Callable[[], bool], container: Container, *, what: str, at_most_s: float = 400.0) -> None:
    """Wait for a condition; fails with the container's log when it ends or the condition does not come true."""
    end_s = time.monotonic() + at_most_s
    while not condition():
        assert container.running, f"{container.definition.name} ended before {what}:\n{container.log[-4000:]}"
        assert time.monotonic() < end_s, f"{what} did not come true in time:\n{container.log[-4000:]}"
        time.sleep(0.1)


def changes_outside_of_volumes(container: Container) -> list[str]:
    """Files that a container made or changed in its own layer, which a read-only root has to rule out.

    The engine itself puts the init process there before the root becomes read-only.
    """
    mounts = tuple(mount["ContainerPath"] for mount in container.definition.container["MountPoints"])
    changed = [line.split(" ", 1)[1] for line in docker("diff", container.id).splitlines()]
    return [path for path in changed if not path.startswith((*mounts, "/sbin"))]


_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class MemoryWatch:
    """The most memory that a container held, of one sample a second: without what the kernel keeps of its files."""

    def __init__(self, container: Container) -> None:
        self.peak_bytes = 0.0
        self._stats = subprocess.Popen(
            ["docker", "stats", "--format", "{{.MemUsage}}", container.id],  # noqa: S607
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stats.terminate()
        self._stats.wait()
        self._thread.join()

    @property
    def peak_mib(self) -> float:
        """For people."""
        return self.peak_bytes / 1024**2

    def _read(self) -> None:
        assert self._stats.stdout is not None
        for line in self._stats.stdout:
            found = re.search(r"([\d.]+)([KMG]iB|B) /", line)
            if found:
                self.peak_bytes = max(self.peak_bytes, float(found[1]) * _UNITS[found[2]])
