"""Stands for the schedule that starts the burst function, and for Fargate, which runs the tasks that it asks for.

The function itself is the deployed one with the deployed role: it reads the backlog, counts tasks and starts some. Here
what it started is looked up and run, and ends by itself when the queue is empty.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from local.clients import Clients
from local.errors import LocalError, LocalReason
from local.process import ChildProcess
from local.rehearsal.deployed import Resource, of_type

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import TaskTypeDef

EVERY_S = 2.0
Start = Callable[[Sequence[str], str], ChildProcess]
"""Starts a worker with a command under a name."""


class Bursts:
    """Call `turn` often; `started` counts the tasks that the function has asked for."""

    def __init__(self, clients: Clients, function: str, start: Start) -> None:
        self.started = 0
        self._functions, self._ecs = clients.client("lambda"), clients.ecs
        self._function = function
        self._start = start
        told = self._functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        self._cluster: str = told["CLUSTER"]
        self._tasks: dict[str, ChildProcess] = {}
        self._next_s = 0.0

    def turn(self) -> None:
        """Start the function when it is time, and whatever tasks it asks for.

        Raises:
            LocalError: the function or a task failed.
        """
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + EVERY_S
        self._settle()
        answer = self._functions.invoke(FunctionName=self._function, Payload=b"{}")
        said = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            message = f"the burst function failed: {json.loads(said).get('errorMessage', said)}"
            raise LocalError(LocalReason.JOB_FAILED, message)
        wanted = self._ecs.list_tasks(cluster=self._cluster, desiredStatus="RUNNING")["taskArns"]
        new = [arn for arn in wanted if arn not in self._tasks]
        for task in self._ecs.describe_tasks(cluster=self._cluster, tasks=new)["tasks"] if new else []:
            self.started += 1
            self._tasks[task["taskArn"]] = self._start(_command_of(task), f"burst-{self.started}")

    def finished(self) -> bool:
        """Whether every task has ended by itself; keeps looking for those that failed."""
        self._settle()
        return not self._tasks

    def _settle(self) -> None:
        """Tell ECS of tasks that have ended."""
        for arn, child in list(self._tasks.items()):
            if child.exit_code is None:
                continue
            del self._tasks[arn]
            self._ecs.stop_task(cluster=self._cluster, task=arn, reason=f"exit code {child.exit_code}")
            if child.exit_code:
                raise LocalError(LocalReason.PROCESS_ENDED, child.ending())


def burst_function(clients: Clients, resources: Sequence[Resource]) -> str | None:
    """The deployed function that starts tasks; None where the environment has none."""
    functions = clients.client("lambda")
    for resource in of_type(resources, "AWS::Lambda::Function"):
        told = functions.get_function_configuration(FunctionName=resource.physical_id).get("Environment", {})
        if "TASK_DEFINITION" in told.get("Variables", {}):
            return resource.physical_id
    return None


def _command_of(task: "TaskTypeDef") -> list[str]:
    [container] = task["overrides"]["containerOverrides"]
    return list(container["command"])
