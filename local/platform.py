"""The whole platform on this machine: started in the right order, watched, and stopped when one part dies.

The servers first; then our own templates are deployed; then whatever their secrets and task definitions name: web, a
worker and the sweeper, as processes.
"""

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
from local.synthesis import assembly_folder
from local.tasks import deployed_tasks

ENVIRONMENT = "dev"
"""The environment whose templates are deployed here: the one made for development."""


class Platform:
    """A running platform over one data folder; made, it is ready to serve. Use as a context, or call `stop`.

    Args:
        said: told what happens, one line each.
    """

    def __init__(self, layout: Layout, *, said: Say = lambda _: None) -> None:
        self.layout = layout
        self._said = said
        self._servers = Servers(layout, said=said)
        try:
            self._fleet = self._start()
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
        """URL of the API and the file with the key of the demo tenant."""
        return self._fleet.access

    @property
    def children(self) -> list[ChildProcess]:
        """Every process, in the order in which they were started."""
        return list(self._servers.children)

    def died(self) -> ChildProcess | None:
        """The first process that ended although nobody stopped it."""
        return self._servers.died()

    def stop(self) -> None:
        """Stop everything in the reverse order."""
        self._fleet.ask_to_stop()
        self._servers.stop()

    def _start(self) -> Fleet:
        clients = self._servers.clients
        assembly = Assembly(assembly_folder(ENVIRONMENT), account=ACCOUNT, region=clients.region)
        deploy(assembly, clients, said=lambda line: self._said(f"stack {line}"))
        # One worker stays, where on AWS a function would start them for a backlog.
        return Fleet(self._servers, deployed_tasks(clients.ecs), Processes(self.layout.scratch), said=self._said)
