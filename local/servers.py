"""What the service stands on: PostgreSQL, the AWS endpoints and the session store over one data folder.

Started in order, watched, and stopped in the reverse order together with whatever was started on them.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from filelock import FileLock, Timeout

from local.aws.endpoints import DEFAULT_REGION, AwsEndpoints
from local.backup import keeps_log
from local.clients import Clients
from local.errors import LocalError, LocalReason
from local.layout import Layout, Ports
from local.overrides import web_url
from local.ports import LOOPBACK
from local.postgres import Postgres, PostgresAddress
from local.process import ChildProcess
from local.running import find_running, note_running
from local.session_store import SessionStore

Say = Callable[[str], None]
_Entered = TypeVar("_Entered")


class Servers:
    """Running servers; made, they answer. Use as a context, or call `stop`.

    Args:
        settings: more variables for the AWS endpoints.
        said: told what happens, one line each.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        region: str = DEFAULT_REGION,
        settings: Mapping[str, str] | None = None,
        said: Say = lambda _: None,
    ) -> None:
        self.layout = layout
        self._started: list[ChildProcess] = []
        self._may_end: set[str] = set()
        self._told: dict[str, Mapping[str, str]] = {}
        self._said = said
        self._undo = ExitStack()
        with self._undo:
            self._lock()
            layout.require_space()
            self.ports = layout.ports()
            note_running(layout, url=self.web_url)
            self.database: PostgresAddress = self._start_database()
            self.clients: Clients = self._start_aws(region, settings or {})
            # Everything is up: from here on `stop` undoes it.
            self._undo = self._undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def children(self) -> list[ChildProcess]:
        """Every process that must not end by itself, in the order in which they were started."""
        return [child for child in self._started if child.name not in self._may_end]

    def named(self, names: Collection[str]) -> list[ChildProcess]:
        """The processes of these names, also those that may end by themselves."""
        return [child for child in self._started if child.name in names]

    @property
    def web_url(self) -> str:
        """Where the API will answer."""
        return web_url(self.ports.web)

    def start_session_store(self, password: str) -> None:
        """The store that deployed resources name; its password is one of theirs, therefore it comes later."""
        store = SessionStore(
            self.layout.session_store,
            log=self.layout.log("session-store"),
            password=password,
            port=self.ports.session_store,
        )
        self.started(store.process, store.stop)
        self._said(f"session store on port {store.port}")

    def started(self, child: ChildProcess, stop: Callable[[], None] | None = None, *, stays: bool = True) -> None:
        """Stop a process that stands on these servers before them, and watch it unless it may end by itself."""
        if not stays:
            self._may_end.add(child.name)
        self._started.append(child)
        self._undo.callback(stop or child.stop)

    def restart(self, name: str, *, besides: Mapping[str, str] | None, release: Path | None) -> ChildProcess:
        """Run a program anew and return its new process, which is not ready yet.

        Args:
            name: of the process; one that still runs is stopped first.
            besides: variables that it is told beside what it was told at first.
            release: the folder that it runs in, when it is another one.
        """
        ended = next(child for child in self._started if child.name == name)
        ended.stop()
        told = self._told.setdefault(name, ended.program.environment)
        program = replace(
            ended.program, environment={**told, **(besides or {})}, folder=release or ended.program.folder
        )
        child = ChildProcess(program)
        self._started[self._started.index(ended)] = child
        self._undo.callback(child.stop)
        return child

    def entered(self, context: AbstractContextManager[_Entered]) -> _Entered:
        """Hold a context for as long as these servers run."""
        return self._undo.enter_context(context)

    def died(self) -> ChildProcess | None:
        """The first process that ended although nobody stopped it."""
        return next((child for child in self.children if child.exit_code is not None), None)

    def stop(self) -> None:
        """Stop everything in the reverse order."""
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

    def _start_database(self) -> PostgresAddress:
        server = Postgres(
            self.layout.database,
            log=self.layout.log("postgres"),
            port=self.ports.database,
            settings=keeps_log(self.layout.database),
        )
        self.started(server.process, server.stop)
        self._said(f"PostgreSQL on port {server.address.port}")
        return server.address

    def _start_aws(self, region: str, settings: Mapping[str, str]) -> Clients:
        endpoints = AwsEndpoints(
            self.layout.aws,
            log=self.layout.log("aws"),
            port=self.ports.aws,
            region=region,
            enforcing=True,
            settings={**_where_servers_are(self.ports), **settings},
        )
        self.started(endpoints.process, endpoints.stop)
        self._said(f"AWS endpoints on {endpoints.address.url}")
        return Clients(endpoints.address)


def _where_servers_are(ports: Ports) -> dict[str, str]:
    """The endpoints name these servers where a template asks for the address of a database or session store."""
    return {
        "RAWMILL_LOCAL_DATABASE_HOST": LOOPBACK,
        "RAWMILL_LOCAL_DATABASE_PORT": str(ports.database),
        "REDIS_HOST": LOOPBACK,
        "REDIS_PORT": str(ports.session_store),
    }
