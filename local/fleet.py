"""The parts of the service on running servers: web, sweeper and worker as their deployed task definitions say."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.api_key import make_api_key
from local.credentials import TaskCredentials
from local.database import open_database
from local.process import ChildProcess
from local.runners import Runner
from local.servers import Say, Servers
from local.tasks import Part, Task

SWEEP_EVERY_S = 60
_READY_TIMEOUT_S = 240


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a client needs."""

    url: str
    api_key_file: Path


class Fleet:
    """Made, it serves; its processes are stopped with the servers, or before them by `stop`.

    Args:
        worker: whether one worker stays; without, somebody else starts workers for a backlog.
    """

    def __init__(
        self, servers: Servers, tasks: Mapping[Part, Task], runner: Runner, *, worker: bool = True, said: Say
    ) -> None:
        self._servers = servers
        self._tasks = tasks
        self._runner = runner
        self._said = said
        self._children: list[ChildProcess] = []
        self.environments = self._environments()
        web = self.environments[Part.WEB]
        clients = servers.clients
        open_database(servers.database, web, clients.secrets)
        token = clients.secrets.get_secret_value(SecretId=web["RAWMILL_SESSION_STORE_SECRET_ARN"])["SecretString"]
        servers.start_session_store(token)
        self._start(worker)

    @property
    def access(self) -> Access:
        """URL of the API and the file with the key of the demo tenant."""
        return Access(url=self._servers.web_url, api_key_file=self._servers.layout.api_key)

    def ask_to_stop(self) -> None:
        """Ask all parts together, since they take longest; `stop` then waits for them."""
        for child in self._children:
            child.ask_to_stop()

    def stop(self) -> dict[str, int | None]:
        """Stop all parts and wait for them; the exit code of each that had not ended before."""
        running = [child for child in self._children if child.exit_code is None]
        self.ask_to_stop()
        for child in running:
            child.stop()
        return {child.name: child.exit_code for child in running}

    def start(self, part: Part, *command: str, name: str | None = None, stays: bool = True) -> ChildProcess:
        """One more process of a part, stopped with the others; one that stays must not end by itself."""
        name = name or part.value
        environment, log = self.environments[part], self._servers.layout.log(name)
        child = self._runner.start(self._tasks[part], environment, *command, name=name, log=log)
        self._children.append(child)
        self._servers.started(child, stays=stays)
        return child

    def _environments(self) -> dict[Part, dict[str, str]]:
        """What each process is told, with an address for the credentials of its own role."""
        clients = self._servers.clients
        roles = {part.value: task.role_arn for part, task in self._tasks.items()}
        credentials = self._servers.entered(TaskCredentials(clients.client("sts"), roles))
        return {
            part: self._runner.environment(
                task,
                aws=clients.address,
                credentials=credentials.environment(part.value),
                web_port=self._servers.ports.web,
            )
            for part, task in self._tasks.items()
        }

    def _start(self, worker: bool) -> None:
        """Web first: it migrates."""
        url = self._servers.web_url
        web = self.start(Part.WEB, "web")
        web.wait_until(lambda: is_healthy(url), timeout_s=_READY_TIMEOUT_S)
        self._said(f"web on {url}")
        staying = self.start(Part.WORKER, "worker") if worker else None
        self.start(Part.SWEEP, "sweep", "--every", str(SWEEP_EVERY_S))
        self._said(f"sweeper every {SWEEP_EVERY_S} s")
        # The worker gets ready in the meantime.
        task, told = self._tasks[Part.SWEEP], self.environments[Part.SWEEP]
        make_api_key(self._servers.layout.api_key, lambda *command: self._runner.manage(task, told, *command))
        if staying is not None:
            self.wait_for_worker(staying)
            self._said(f"worker with {self.environments[Part.WORKER]['RAWMILL_PROCESSES']} processes")

    def wait_for_worker(self, child: ChildProcess) -> None:
        """Until the worker passes its own health check; `LocalError` when it ends or takes too long."""
        task, told = self._tasks[Part.WORKER], self.environments[Part.WORKER]
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
