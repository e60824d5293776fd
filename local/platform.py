"""The whole platform on this machine: started in the right order, watched, and stopped when one part dies.

The servers first; then our own templates are deployed; then whatever their secrets and task definitions name: web,
workers and the sweeper, as processes. A `Shape` says how many.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT
from local.deployment import deploy
from local.fleet import Access, Fleet
from local.layout import Layout
from local.process import ChildProcess
from local.runners import Processes
from local.servers import Say, Servers
from local.shape import Shape
from local.synthesis import assembly_folder
from local.tasks import Part, Task, deployed_tasks

ENVIRONMENT = "dev"
"""The environment whose templates are deployed here: the one made for development."""


class Platform:
    """A running platform over one data folder; made, it is ready to serve. Use as a context, or call `stop`.

    Args:
        shape: how many tasks there are.
        said: told what happens, one line each.
    """

    def __init__(self, layout: Layout, *, shape: Shape | None = None, said: Say = lambda _: None) -> None:
        self.layout = layout
        self._said = said
        self._servers = Servers(layout, said=said)
        try:
            self._fleet = self._start(shape or Shape())
        except BaseException:
            self._servers.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def access(self) -> Access:
        """URL of API and console, and the files with the key and the user of the demo tenant."""
        return self._fleet.access

    @property
    def children(self) -> list[ChildProcess]:
        """Every process, in the order in which they were started."""
        return self._servers.children

    @property
    def tasks(self) -> list[ChildProcess]:
        """The processes of the service alone: what ECS would run."""
        return self._fleet.tasks

    def restart(
        self, name: str, *, besides: Mapping[str, str] | None = None, release: Path | None = None
    ) -> ChildProcess:
        """Run a program anew, as ECS replaces a task, and return its new process, which is not ready yet.

        Args:
            name: of the process; one that still runs is stopped first.
            besides: variables that it is told beside what it was told when the platform started.
            release: the folder of the code that it runs, another one than this for a deployment.
        """
        return self._servers.restart(name, besides=besides, release=release)

    def died(self) -> ChildProcess | None:
        """The first process that ended although nobody stopped it."""
        return self._servers.died()

    def stop(self) -> None:
        """Stop everything in the reverse order."""
        self._fleet.ask_to_stop()
        self._servers.stop()

    def _start(self, shape: Shape) -> Fleet:
        tasks = deploy_environment(self._servers, said=self._said)
        # Workers stay, where on AWS a function would start them for a backlog.
        fleet = Fleet(self._servers, tasks, Processes(self.layout.scratch), shape=shape, said=self._said)
        fleet.serve()
        return fleet


def deploy_environment(servers: Servers, *, said: Say = lambda _: None) -> dict[Part, Task]:
    """Deploy the environment made for development to running servers; the tasks that it defines."""
    clients = servers.clients
    assembly = Assembly(assembly_folder(ENVIRONMENT), account=ACCOUNT, region=clients.region)
    deploy(assembly, clients, said=lambda line: said(f"stack {line}"))
    return deployed_tasks(clients.ecs)
