"""How the tasks run on this machine: as processes of this code (`Processes`), or in another way of the same form."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from local.aws.endpoints import ROOT, AwsAddress
from local.overrides import STOP_TIMEOUT_S, environment_of
from local.process import ChildProcess, Program
from local.tasks import Task

Completed = subprocess.CompletedProcess[str]


class Runner(Protocol):
    """Runs tasks. A child that it started is stopped by whoever asked for it."""

    def environment(
        self, task: Task, *, aws: AwsAddress, credentials: Mapping[str, str], web_port: int
    ) -> dict[str, str]:
        """What the task is told."""

    def start(self, task: Task, environment: Mapping[str, str], *command: str, name: str, log: Path) -> ChildProcess:
        """Start the task with a command of the service."""

    def is_healthy(self, task: Task, environment: Mapping[str, str], *, name: str) -> bool:
        """Whether the task that was started under `name` passes its own health check."""

    def manage(self, task: Task, environment: Mapping[str, str], *command: str, told: str = "") -> Completed:
        """Run an operator's command with what the task is told, and `told` on its standard input."""


class Processes:
    """Tasks as processes of this code. What they write for themselves goes below `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def environment(
        self, task: Task, *, aws: AwsAddress, credentials: Mapping[str, str], web_port: int
    ) -> dict[str, str]:
        """The task definition's, with the differences that `local.overrides` lists."""
        return environment_of(task, aws=aws, credentials=credentials, web_port=web_port, scratch=self._scratch)

    def start(
        self,
        task: Task,  # noqa: ARG002 - the code is the same for all tasks
        environment: Mapping[str, str],
        *command: str,
        name: str,
        log: Path,
    ) -> ChildProcess:
        """`python -m service COMMAND`."""
        self._scratch.mkdir(exist_ok=True)
        program = Program(
            name=name,
            command=[sys.executable, "-m", "service", *command],
            environment=environment,
            log=log,
            folder=ROOT,
            grace_s=STOP_TIMEOUT_S + 5,
        )
        return ChildProcess(program)

    def is_healthy(self, task: Task, environment: Mapping[str, str], *, name: str) -> bool:  # noqa: ARG002
        """The container's own health check."""
        return _python(environment, "-m", "service.check", task.part.value).returncode == 0

    def manage(
        self,
        task: Task,  # noqa: ARG002
        environment: Mapping[str, str],
        *command: str,
        told: str = "",
    ) -> Completed:
        """`python -m service manage COMMAND`."""
        return _python(environment, "-m", "service", "manage", *command, told=told)


def _python(environment: Mapping[str, str], *command: str, told: str = "") -> Completed:
    return subprocess.run(
        [sys.executable, *command],
        env=dict(environment),
        cwd=ROOT,
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
