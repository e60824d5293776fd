"""Our burst tasks on ECS: which are live, and how more are started."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from decision import BATCH, THROTTLED, reason_code, tokens
from patience import Patience
from settings import Settings


@dataclass(kw_only=True)
class Outcome:
    """What became of the tasks that were missing.

    Attributes:
        started: tasks that ECS has accepted, by this run or by another one of the same minute.
        failed: refusals by reason code.
        details: what ECS said, each wording once.
    """

    missing: int
    started: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    details: dict[str, None] = field(default_factory=dict)

    @property
    def unstarted(self) -> int:
        """Tasks that are still missing."""
        return max(0, self.missing - self.started)

    def refuse(self, count: int, reason: str) -> None:
        """Count tasks that were not started."""
        self.failed[reason_code(reason)] += count
        self.details[reason] = None


class Fleet:
    """The burst tasks of one environment."""

    def __init__(self, ecs: Any, settings: Settings) -> None:
        self._ecs = ecs
        self._settings = settings

    def live(self, patience: Patience) -> frozenset[str]:
        """Tasks that run or are about to.

        ECS wants a task to run from the moment it accepts it, whatever its last status (PROVISIONING, PENDING, …), and
        wants it stopped as soon as it is on its way out: the desired status tells apart what the last status does not.
        """
        tasks: set[str] = set()
        page: dict[str, str] = {}
        while True:
            answer = patience.call(partial(self._list, **page))
            tasks.update(answer["taskArns"])
            if not answer.get("nextToken"):
                return frozenset(tasks)
            page = {"nextToken": answer["nextToken"]}

    def start(self, missing: int, *, live: Set[str], minute: str, patience: Patience) -> Outcome:
        """Start tasks until none is missing, time is up, or ECS refuses for a reason that does not pass."""
        outcome = Outcome(missing=missing)
        known = set(live)
        left = missing
        for token in tokens(started_by=self._settings.started_by, minute=minute):
            if left <= 0:
                return outcome
            count = min(left, BATCH)
            try:
                answer = patience.call(partial(self._run, count, token))
            except (ClientError, HTTPClientError) as error:
                theirs = _tasks_of_another_run(error)
                if theirs is None:
                    outcome.refuse(left, _words(error))
                    return outcome
                answer = {"tasks": [{"taskArn": task} for task in theirs], "failures": []}
            # A repeated request brings back tasks that may have been listed already.
            new = {task["taskArn"] for task in answer["tasks"]} - known
            known |= new
            outcome.started += len(new)
            left -= len(new) + self._give_up(outcome, answer["failures"], patience)
        outcome.refuse(left, "ECS answered every request of this minute without starting enough")
        return outcome

    @staticmethod
    def _give_up(outcome: Outcome, failures: list[dict[str, str]], patience: Patience) -> int:
        """Count the failures of an answer that is otherwise a success; how many of them are not worth another try."""
        reasons = [" ".join(filter(None, (item.get("reason"), item.get("detail")))) for item in failures]
        passing = [reason for reason in reasons if reason_code(reason) == THROTTLED]
        again = bool(passing) and patience.wait()
        final = [reason for reason in reasons if not (again and reason in passing)]
        for reason in final:
            outcome.refuse(1, reason or "no reason given")
        return len(final)

    def _list(self, **page: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ecs.list_tasks(
            cluster=self._settings.cluster, family=self._settings.family, desiredStatus="RUNNING", **page
        )
        return answer

    def _run(self, count: int, token: str) -> dict[str, Any]:
        settings = self._settings
        answer: dict[str, Any] = self._ecs.run_task(
            cluster=settings.cluster,
            taskDefinition=settings.task_definition,
            launchType="FARGATE",
            count=count,
            clientToken=token,
            startedBy=settings.started_by,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(settings.subnets),
                    "securityGroups": [settings.security_group],
                    "assignPublicIp": "DISABLED",
                }
            },
            # Said here as well as in the task definition: a task that never ends would be counted, and paid, for ever.
            overrides={"containerOverrides": [{"name": settings.container, "command": ["worker", "--until-empty"]}]},
        )
        return answer


def _tasks_of_another_run(error: ClientError | HTTPClientError) -> list[str] | None:
    """Tasks that another run of this minute started with a request of the same name for another number of tasks."""
    if isinstance(error, HTTPClientError) or error.response["Error"]["Code"] != "ConflictException":
        return None
    # Botocore adds the fields of ECS's own exception, which its types do not know.
    response: dict[str, Any] = {**error.response}
    return list(response.get("resourceIds", []))


def _words(error: ClientError | HTTPClientError) -> str:
    if isinstance(error, HTTPClientError):
        return f"{type(error).__name__}: {error}"
    return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
