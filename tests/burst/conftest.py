"""The burst function beside an emulated AWS, one account for each test."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.aws.endpoints import AwsEndpoints

FOLDER = Path(__file__).resolve().parents[2] / "lambda" / "burst"
MODULES = ("decision", "patience", "settings", "fleet", "metrics", "index")
FAMILY = "rawmill-test-burst"
_accounts = count(100_000_000_000)
# One for all, because a session reads the descriptions of its services, which takes longer than most tests.
_SESSION: Any = boto3.Session(region_name="eu-west-1")
_one_at_a_time = Lock()


@pytest.fixture(scope="session")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The function's modules, imported as Lambda does: from their folder, by their bare names."""
    assert not set(MODULES) & sys.modules.keys(), "another module of that name is loaded already"
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the emulated AWS listens."""
    folder = tmp_path_factory.mktemp("aws")
    log = folder / "emulator.log"
    with AwsEndpoints(folder, log=log, persistent=False, module="tests.burst.server") as endpoints:
        yield endpoints.address.url


@dataclass
class Time:
    """A clock that only pauses move."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@dataclass(kw_only=True)
class Platform:
    """An account with a cluster, a job queue and two task definitions, and the function to run against them."""

    modules: dict[str, ModuleType]
    endpoint: str
    account: str
    queue_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Parameters of every RunTask request that the function has sent."""
    time: Time = field(default_factory=Time)

    def client(self, service: str) -> Any:
        """A client as the function makes it; an account's number is its access key."""
        once = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1, "mode": "standard"})
        with _one_at_a_time:
            return _SESSION.client(
                service,
                aws_access_key_id=self.account,
                aws_secret_access_key="secret",  # noqa: S106
                endpoint_url=self.endpoint,
                config=once,
            )

    def set_up(self) -> None:
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="workers")
        for family in (FAMILY, "rawmill-test-worker"):
            ecs.register_task_definition(
                family=family,
                networkMode="awsvpc",
                requiresCompatibilities=["FARGATE"],
                cpu="4096",
                memory="8192",
                containerDefinitions=[{"name": "worker", "image": "rawmill", "essential": True}],
            )
        self.queue_url = self.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]

    def environment(self, **changes: str) -> dict[str, str]:
        """The function's environment variables."""
        return {
            "CLUSTER": "workers",
            "TASK_DEFINITION": f"arn:aws:ecs:eu-west-1:{self.account}:task-definition/{FAMILY}:1",
            "CONTAINER": "worker",
            "SUBNETS": "subnet-a,subnet-b",
            "SECURITY_GROUP": "sg-workers",
            "QUEUE_URL": self.queue_url,
            "MAX_TASKS": "60",
            "IMAGES_PER_TASK": "10",
            "BASE_IMAGES": "0",
            "STARTED_BY": "rawmill-test-burst",
            "METRICS_NAMESPACE": "Rawmill/test",
            **changes,
        }

    def enqueue(self, images: int) -> None:
        sqs = self.client("sqs")
        for first in range(0, images, 10):
            entries = [{"Id": str(number), "MessageBody": "{}"} for number in range(first, min(first + 10, images))]
            sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def run_tasks(self, number: int, *, family: str = FAMILY, status: str = "RUNNING") -> list[str]:
        """Tasks that were there before, in some last status."""
        answer = self.client("ecs").run_task(
            cluster="workers", taskDefinition=family, count=number, tags=[{"key": "status", "value": status}]
        )
        return [task["taskArn"] for task in answer["tasks"]]

    def tasks(self, *, desired: str = "RUNNING") -> list[str]:
        """Every burst task."""
        pages = self.client("ecs").get_paginator("list_tasks").paginate(
            cluster="workers", family=FAMILY, desiredStatus=desired
        )  # fmt: skip
        return [task for page in pages for task in page["taskArns"]]

    def burst(
        self,
        at: str = "2026-11-23T03:10:00Z",
        *,
        seconds: float = 55,
        hooks: dict[str, Callable[..., Any]] | None = None,
        **changes: str,
    ) -> dict[str, int]:
        """Run the function for an event of some time. Hooks are set on its ECS client."""
        ecs = self.client("ecs")
        ecs.meta.events.register("provide-client-params.ecs.RunTask", lambda params, **_: self.requests.append(params))
        for name, hook in (hooks or {}).items():
            ecs.meta.events.register(name, hook)
        patience = self.modules["patience"].Patience(seconds, clock=self.time.clock, sleep=self.time.sleep)
        report: dict[str, int] = self.modules["index"].burst(
            {"time": at},
            settings=self.modules["settings"].Settings.read(self.environment(**changes)),
            sqs=self.client("sqs"),
            ecs=ecs,
            patience=patience,
        )
        return report


@pytest.fixture
def platform(modules: dict[str, ModuleType], endpoint: str) -> Platform:
    """A new account."""
    made = Platform(modules=modules, endpoint=endpoint, account=str(next(_accounts)))
    made.set_up()
    return made
