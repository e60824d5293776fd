"""The whole platform on this machine: started in the right order, watched, and stopped when one part dies.

AWS endpoints and PostgreSQL first; then our own templates are deployed; then whatever their secrets and task
definitions name: the database's role, the session store, web, workers and the sweeper. A `Shape` says how many.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT, ROOT, AwsEndpoints
from local.backup import keeps_log
from local.clients import Clients
from local.console import open_buckets
from local.credentials import TaskCredentials
from local.database import open_database
from local.demo_access import make_api_key, make_user
from local.deployment import deploy
from local.errors import LocalError, LocalReason
from local.layout import Layout, Ports
from local.overrides import STOP_TIMEOUT_S, environment_of, web_url
from local.ports import LOOPBACK, free_port
from local.postgres import Postgres, PostgresAddress
from local.process import ChildProcess, Program
from local.running import find_running, note_running
from local.session_store import SessionStore
from local.shape import Shape, numbered
from local.synthesis import assembly_folder
from local.tasks import Part, Task, deployed_tasks

ENVIRONMENT = "dev"
"""The environment whose templates are deployed here: the one made for development."""

_READY_TIMEOUT_S = 120
_Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a client needs."""

    url: str
    api_key_file: Path
    console_user_file: Path


class Platform:
    """A running platform over one data folder; made, it is ready to serve. Use as a context, or call `stop`.

    Args:
        shape: how many tasks there are.
        said: told what happens, one line each.
    """

    def __init__(self, layout: Layout, *, shape: Shape | None = None, said: _Say = lambda _: None) -> None:
        self.layout = layout
        self._shape = shape or Shape()
        self._said = said
        self._children: list[ChildProcess] = []
        self._tasks: list[ChildProcess] = []
        self._told: dict[str, Mapping[str, str]] = {}
        self._undo = ExitStack()
        with self._undo:
            self._lock()
            layout.require_space()
            self._ports = layout.ports()
            self._start()
            # Everything is up: from here on `stop` undoes it.
            self._undo = self._undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def access(self) -> Access:
        """URL of API and console, and the files with the key and the user of the demo tenant."""
        return Access(
            url=web_url(self._ports.web),
            api_key_file=self.layout.api_key,
            console_user_file=self.layout.console_user,
        )

    @property
    def children(self) -> list[ChildProcess]:
        """Every process, in the order in which they were started."""
        return list(self._children)

    @property
    def tasks(self) -> list[ChildProcess]:
        """The processes of the service alone: what ECS would run."""
        return list(self._tasks)

    def restart(
        self, name: str, *, besides: Mapping[str, str] | None = None, release: Path | None = None
    ) -> ChildProcess:
        """Run a program anew, as ECS replaces a task, and return its new process, which is not ready yet.

        Args:
            name: of the process; one that still runs is stopped first.
            besides: variables that it is told beside what it was told when the platform started.
            release: the folder of the code that it runs, another one than this for a deployment.
        """
        ended = next(child for child in self._children if child.name == name)
        ended.stop()
        told = self._told.setdefault(name, ended.program.environment)
        child = ChildProcess(
            replace(ended.program, environment={**told, **(besides or {})}, folder=release or ended.program.folder)
        )
        self._children[self._children.index(ended)] = child
        if ended in self._tasks:
            self._tasks[self._tasks.index(ended)] = child
        self._undo.callback(child.stop)
        return child

    def died(self) -> ChildProcess | None:
        """The first process that ended although nobody stopped it."""
        return next((child for child in self._children if child.exit_code is not None), None)

    def stop(self) -> None:
        """Stop everything in the reverse order; the service's parts are asked together, since they take longest."""
        for child in self._tasks:
            child.ask_to_stop()
        self._undo.close()

    def _lock(self) -> None:
        lock = FileLock(self.layout.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            running = find_running(self.layout)
            where = f"its API is {running.url}" if running else "it is just starting or stopping"
            message = f"a platform already runs over {self.layout.root}: {where}; `make down` stops it"
            raise LocalError(LocalReason.ALREADY_RUNNING, message) from None
        self._undo.callback(lock.release)
        self._undo.callback(self.layout.running.unlink, missing_ok=True)

    def _start(self) -> None:
        note_running(self.layout, url=web_url(self._ports.web))
        database = self._start_database()
        clients = self._start_aws()
        assembly = Assembly(assembly_folder(ENVIRONMENT), account=ACCOUNT, region=clients.region)
        deploy(assembly, clients, said=lambda line: self._said(f"stack {line}"))
        tasks = deployed_tasks(clients.ecs)
        environments = self._environments(tasks, clients)
        open_database(database, environments[Part.WEB], clients.secrets)
        open_buckets(clients.s3, environments[Part.WEB])
        self._start_session_store(clients, environments[Part.WEB])
        self._start_service(environments)

    def _start_database(self) -> PostgresAddress:
        server = Postgres(
            self.layout.database,
            log=self.layout.log("postgres"),
            port=self._ports.database,
            settings=keeps_log(self.layout.database),
        )
        self._started(server.process, server.stop)
        self._said(f"PostgreSQL on port {server.address.port}")
        return server.address

    def _start_aws(self) -> Clients:
        endpoints = AwsEndpoints(
            self.layout.aws,
            log=self.layout.log("aws"),
            port=self._ports.aws,
            enforcing=True,
            settings=_where_servers_are(self._ports),
        )
        self._started(endpoints.process, endpoints.stop)
        self._said(f"AWS endpoints on {endpoints.address.url}")
        return Clients(endpoints.address)

    def _environments(self, tasks: Mapping[Part, Task], clients: Clients) -> dict[Part, dict[str, str]]:
        """What each process is told, with an address for the credentials of its own role."""
        roles = {part.value: task.role_arn for part, task in tasks.items()}
        credentials = self._undo.enter_context(TaskCredentials(clients.client("sts"), roles))
        aws = replace(clients.address, port=self._shape.aws_port or clients.address.port)
        return {
            part: {
                **environment_of(
                    task,
                    aws=aws,
                    credentials=credentials.environment(part.value),
                    web_port=self._ports.web,
                    scratch=self.layout.scratch,
                ),
                **self._shape.changes.get(part, {}),
            }
            for part, task in tasks.items()
        }

    def _start_session_store(self, clients: Clients, environment: Mapping[str, str]) -> None:
        token = clients.secrets.get_secret_value(SecretId=environment["RAWMILL_SESSION_STORE_SECRET_ARN"])
        store = SessionStore(
            self.layout.session_store,
            log=self.layout.log("session-store"),
            password=token["SecretString"],
            port=self._ports.session_store,
        )
        self._started(store.process, store.stop)
        self._said(f"session store on port {store.port}")

    def _start_service(self, environments: Mapping[Part, Mapping[str, str]]) -> None:
        """Web first: it migrates. Workers stay, where on AWS a function would start them for a backlog."""
        for number in range(1, self._shape.webs + 1):
            port = self._ports.web if number == 1 else free_port()
            place = {} if number == 1 else {"RAWMILL_PORT": str(port), "RAWMILL_PUBLIC_URL": web_url(port)}
            web = self._service(Part.WEB, number, {**environments[Part.WEB], **place}, "web")
            url = web_url(port)
            web.wait_until(partial(_healthy, url), timeout_s=_READY_TIMEOUT_S)
            self._said(f"{web.name} on {url}")
        workers = [self._worker(number, environments[Part.WORKER]) for number in range(1, self._shape.workers + 1)]
        every_s = self._shape.sweep_every_s
        self._service(Part.SWEEP, 1, environments[Part.SWEEP], "sweep", "--every", f"{every_s:g}")
        self._said(f"sweeper every {every_s:g} s")
        # The workers get ready in the meantime.
        make_api_key(self.layout.api_key, environments[Part.SWEEP])
        make_user(self.layout.console_user, environments[Part.SWEEP])
        for worker in workers:
            told = worker.program.environment
            worker.wait_until(partial(_passes_check, told), timeout_s=_READY_TIMEOUT_S)
            self._said(f"{worker.name} with {told['RAWMILL_PROCESSES']} processes")

    def _worker(self, number: int, environment: Mapping[str, str]) -> ChildProcess:
        scratch = self.layout.scratch_of(number)
        scratch.mkdir(exist_ok=True)
        return self._service(Part.WORKER, number, {**environment, "RAWMILL_SCRATCH": str(scratch)}, "worker")

    def _service(self, part: Part, number: int, environment: Mapping[str, str], *command: str) -> ChildProcess:
        name = numbered(part, number)
        child = ChildProcess(
            Program(
                name=name,
                command=[sys.executable, "-m", "service", *command],
                environment=environment,
                log=self.layout.log(name),
                folder=ROOT,
                grace_s=STOP_TIMEOUT_S + 5,
            )
        )
        self._tasks.append(child)
        self._started(child, child.stop)
        return child

    def _started(self, child: ChildProcess, stop: Callable[[], None]) -> None:
        self._children.append(child)
        self._undo.callback(stop)


def _where_servers_are(ports: Ports) -> dict[str, str]:
    """The endpoints name these servers where a template asks for the address of a database or session store."""
    return {
        "RAWMILL_LOCAL_DATABASE_HOST": LOOPBACK,
        "RAWMILL_LOCAL_DATABASE_PORT": str(ports.database),
        "REDIS_HOST": LOOPBACK,
        "REDIS_PORT": str(ports.session_store),
    }


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _passes_check(environment: Mapping[str, str]) -> bool:
    """The container's own health check."""
    check = [sys.executable, "-m", "service.check", "worker"]
    return subprocess.run(check, env=dict(environment), cwd=ROOT, capture_output=True, check=False).returncode == 0
