"""`make manage`: an operator's command beside a running platform, with the environment of the maintenance task."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local.aws.endpoints import ROOT, AwsAddress
from local.clients import Clients
from local.credentials import TaskCredentials
from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.overrides import environment_of
from local.running import find_running
from local.tasks import Part, deployed_tasks


def manage(data: Path, arguments: Sequence[str]) -> int:
    """The command's own exit code."""
    layout = Layout(data)
    ports = layout.kept_ports()
    if find_running(layout) is None or ports is None:
        raise LocalError(LocalReason.NOT_RUNNING, f"no platform runs over {layout.root}; start one with `make up`")
    clients = Clients(AwsAddress(port=ports.aws))
    task = deployed_tasks(clients.ecs)[Part.SWEEP]
    with TaskCredentials(clients.client("sts"), {task.part: task.role_arn}) as credentials:
        environment = environment_of(
            task,
            aws=clients.address,
            credentials=credentials.environment(task.part),
            web_port=ports.web,
            scratch=layout.scratch,
        )
        command = [sys.executable, "-m", "service", "manage", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
