"""The parts of the service on running servers: web, sweeper and workers as their deployed task definitions say."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from local.console import open_buckets
from local.credentials import TaskCredentials
from local.database import open_database
from local.demo_access import make_api_key, make_user
from local.overrides import web_url
from local.ports import free_port
from local.process import ChildProcess
from local.runners import Runner
from local.servers import Say, Servers
from local.shape import Shape, numbered
from local.tasks import Part, Task

_READY_TIMEOUT_S = 240


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a client needs."""

    url: str
    api_key_file: Path
    console_user_file: Path


class Fleet:
    """Made, everything is ready for the parts; `serve` starts them. They stop with the servers, or before by `stop`.

    Args:
        shape: how many tasks of each part stay; without a worker somebody else starts workers for a backlog.
    """

    def __init__(
        self, servers: Servers, tasks: Mapping[Part, Task], runner: Runner, *, shape: Shape | None = None, said: Say
    ) -> None:
        self._servers = servers
        self._tasks = tasks
        self._runner = runner
        self._shape = shape or Shape()
        self._said = said
        self._names: set[str] = set()
        self.environments = self._environments()
        web = self.environments[Part.WEB]
        clients = servers.clients
        open_database(servers.database, web, clients.secrets)
        open_buckets(clients.s3, web)
        token = clients.secrets.get_secret_value(SecretId=web["RAWMILL_SESSION_STORE_SECRET_ARN"])["SecretString"]
        servers.start_session_store(token)

    @property
    def access(self) -> Access:
        """URL of API and console, and the files with the key and the user of the demo tenant."""
        layout = self._servers.layout
        return Access(url=self._servers.web_url, api_key_file=layout.api_key, console_user_file=layout.console_user)

    @property
    def tasks(self) -> list[ChildProcess]:
        """The processes that this fleet started: what ECS would run."""
        return self._servers.named(self._names)

    def ask_to_stop(self) -> None:
        """Ask all parts together, since they take longest; `stop` then waits for them."""
        for task in self.tasks:
            task.ask_to_stop()

    def stop(self) -> dict[str, int | None]:
        """Stop all parts and wait for them; the exit code of each that had not ended before."""
        running = [task for task in self.tasks if task.exit_code is None]
        self.ask_to_stop()
        for task in running:
            task.stop()
        return {task.name: task.exit_code for task in running}

    def start(
        self,
        part: Part,
        *command: str,
        name: str | None = None,
        stays: bool = True,
        besides: Mapping[str, str] | None = None,
    ) -> ChildProcess:
        """One more process of a part, stopped with the others; one that stays must not end by itself."""
        name = name or part.value
        environment, log = {**self.environments[part], **(besides or {})}, self._servers.layout.log(name)
        child = self._runner.start(self._tasks[part], environment, *command, name=name, log=log)
        self._names.add(name)
        self._servers.started(child, stays=stays)
        return child

    def _environments(self) -> dict[Part, dict[str, str]]:
        """What each process is told, with an address for the credentials of its own role."""
        clients, shape = self._servers.clients, self._shape
        roles = {part.value: task.role_arn for part, task in self._tasks.items()}
        credentials = self._servers.entered(TaskCredentials(clients.client("sts"), roles))
        aws = replace(clients.address, port=shape.aws_port or clients.address.port)
        told = {
            part: self._runner.environment(
                task, aws=aws, credentials=credentials.environment(part.value), web_port=self._servers.ports.web
            )
            for part, task in self._tasks.items()
        }
        return {part: {**environment, **shape.changes.get(part, {})} for part, environment in told.items()}

    def serve(self) -> None:
        """Start as many tasks as the shape has and wait for them. Web first: it migrates.

        Workers get ready while the newcomer's key and user are made.
        """
        for number in range(1, self._shape.webs + 1):
            self._start_web(number)
        workers = [self._start_worker(number) for number in range(1, self._shape.workers + 1)]
        every_s = self._shape.sweep_every_s
        self.start(Part.SWEEP, "sweep", "--every", f"{every_s:g}")
        self._said(f"sweeper every {every_s:g} s")
        manage = partial(self._runner.manage, self._tasks[Part.SWEEP], self.environments[Part.SWEEP])
        make_api_key(self._servers.layout.api_key, manage)
        make_user(self._servers.layout.console_user, manage)
        for worker in workers:
            self.wait_for_worker(worker)
            self._said(f"{worker.name} with {self.environments[Part.WORKER]['RAWMILL_PROCESSES']} processes")

    def _start_web(self, number: int) -> None:
        port = self._servers.ports.web if number == 1 else free_port()
        url = web_url(port)
        place = {} if number == 1 else {"RAWMILL_PORT": str(port), "RAWMILL_PUBLIC_URL": url}
        web = self.start(Part.WEB, "web", name=numbered(Part.WEB, number), besides=place)
        web.wait_until(partial(is_healthy, url), timeout_s=_READY_TIMEOUT_S)
        self._said(f"{web.name} on {url}")

    def _start_worker(self, number: int) -> ChildProcess:
        place = {}
        if number > 1:
            scratch = self._servers.layout.scratch_of(number)
            scratch.mkdir(exist_ok=True)
            place["RAWMILL_SCRATCH"] = str(scratch)
        return self.start(Part.WORKER, "worker", name=numbered(Part.WORKER, number), besides=place)

    def wait_for_worker(self, child: ChildProcess) -> None:
        """Until the worker passes its own health check; `LocalError` when it ends or takes too long."""
        task, told = self._tasks[Part.WORKER], child.program.environment
        child.wait_until(
            lambda: self._runner.is_healthy(task, told, name=child.name),
            timeout_s=_READY_TIMEOUT_S,
        )


def is_healthy(url: str) -> bool:
    """Whether web at `url` says that it can serve."""
    try:
        with urllib.request.urlopen(f"{url}/health/", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
