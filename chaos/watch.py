"""Watches what a platform takes while it works: memory of its tasks, sessions of its database. Bounds, not averages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from bench.memory import resident_mib
from chaos.background import Background
from chaos.field import Field
from chaos.fleet import part_of
from local.tasks import Part
from service.web.size import THREADS, processes

_EVERY_S = 1.0
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rawmill%%'"


@dataclass(slots=True)
class Taken:
    """The most that was seen: memory of one task of each part in MiB, sessions of the database in all."""

    memory_mib: dict[str, float] = field(default_factory=dict)
    sessions: int = 0

    def as_figures(self) -> Mapping[str, object]:
        """As plain values."""
        return {"memory_mib": {part: round(mib) for part, mib in self.memory_mib.items()}, "sessions": self.sessions}


def most_sessions(target: Field) -> int:
    """Sessions that the tasks may have by their settings: pools of web, one a worker, two of the sweeper."""
    webs, workers = len(target.fleet.tasks(Part.WEB)), len(target.fleet.tasks(Part.WORKER))
    return webs * processes() * THREADS + workers + 2


class Watch(Background):
    """Looks every second, in a thread. Use as a context."""

    def __init__(self, target: Field) -> None:
        super().__init__("watch", self._look_on)
        self._target = target
        self.taken = Taken()

    def _look_on(self) -> None:
        with psycopg.connect(self._target.database_url, autocommit=True) as connection:
            while True:
                self._look(connection)
                if self._over.wait(_EVERY_S):
                    return

    def _look(self, connection: "psycopg.Connection[tuple[int]]") -> None:
        row = connection.execute(_SESSIONS).fetchone()
        self.taken.sessions = max(self.taken.sessions, int(row[0]) if row else 0)
        for task in self._target.fleet.running():
            part = part_of(task).value
            self.taken.memory_mib[part] = max(self.taken.memory_mib.get(part, 0.0), resident_mib(task.pid))
