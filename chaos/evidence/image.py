"""One image on its way: submitted by the customer's client, its row watched, whoever has it in hand found."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chaos.faults.processes import works
from chaos.field import Field
from chaos.fleet import below, send_signal
from chaos.shoot import Shoot, send
from client import Submission
from local.process import ChildProcess
from local.tasks import Part

SIZE_PX = (3000, 2000)
"""Large enough that whoever develops it can be caught doing so."""
OVER_WITHIN_S = 300.0
_POLL_S = 0.02
_ROW = """
SELECT images.job_id::text AS job, image_id::text AS image, images.status, attempts, images.error_code AS code,
    extract(epoch FROM lease_until)::float AS lease_until, extract(epoch FROM images.settled_at)::float AS settled
FROM images JOIN jobs USING (job_id)
WHERE jobs.created_at >= to_timestamp(%(since)s) AND jobs.recipe ->> 'name' = 'chaos'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The row at one moment.

    Attributes:
        at: time.time() at which it was first seen so.
        lease_until: when its lease would end, as last prolonged while it was so.
    """

    at: float
    image: str
    status: str
    attempts: int
    code: str | None
    lease_until: float | None
    settled: float | None


class Story:
    """What became of one image, written down as it happens. Made by `told`."""

    def __init__(self, shoot: Shoot) -> None:
        self.shoot = shoot
        self._lock = threading.Lock()
        self._seen: list[Seen] = []

    @property
    def seen(self) -> list[Seen]:
        """Every change of status or attempts, in its order."""
        with self._lock:
            return list(self._seen)

    @property
    def now(self) -> Seen | None:
        """As it was last seen, with its latest lease."""
        with self._lock:
            return self._seen[-1] if self._seen else None

    def note(self, row: dict[str, Any]) -> None:
        """Another look at the row."""
        found = Seen(
            at=time.time(),
            image=row["image"],
            status=row["status"],
            attempts=row["attempts"],
            code=row["code"],
            lease_until=row["lease_until"],
            settled=row["settled"],
        )
        with self._lock:
            last = self._seen[-1] if self._seen else None
            if last is None or (last.status, last.attempts) != (found.status, found.attempts):
                self._seen.append(found)
            elif last.lease_until != found.lease_until:
                self._seen[-1] = replace(last, lease_until=found.lease_until)

    def submission(self) -> Submission | Exception:
        """What the customer's client says in the end."""
        (ending,) = self.shoot.submissions(within_s=OVER_WITHIN_S)
        return ending


@contextmanager
def told(target: Field, folder: Path) -> Iterator[Story]:
    """Submits one image and watches its row until the block ends."""
    story = Story(send(target, folder, images=1, jobs=1, size_px=SIZE_PX))
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(target, story, over), name="story", daemon=True)
    watching.start()
    try:
        yield story
    finally:
        over.set()
        watching.join()
        story.shoot.close()


def _watch(target: Field, story: Story, over: threading.Event) -> None:
    with psycopg.connect(target.database_url, autocommit=True, row_factory=dict_row) as connection:
        while not over.wait(_POLL_S):
            for row in connection.execute(_ROW, {"since": story.shoot.began_at}).fetchall():
                story.note(row)


def until(story: Story, holds: Callable[[Seen], bool]) -> Seen:
    """The first look at the row at which something holds.

    Raises:
        TimeoutError: it never does.
    """
    deadline_s = time.monotonic() + OVER_WITHIN_S
    while time.monotonic() < deadline_s:
        for seen in story.seen:
            if holds(seen):
                return seen
        time.sleep(_POLL_S)
    raise TimeoutError(f"waited {OVER_WITHIN_S:.0f} s in vain; the image was last seen as {story.now}")


def at_work(target: Field, *, within_s: float = OVER_WITHIN_S) -> tuple[ChildProcess, list[int]] | None:
    """The worker that has an image in hand, and the processes that develop it; None when there is none in time."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        for task in target.fleet.running(Part.WORKER):
            if any(Path(task.program.environment["RAWMILL_SCRATCH"], "work").glob("*/*/*")):
                developing = [child.pid for child in below(task) if works(child)]
                if developing:
                    return task, developing
        time.sleep(_POLL_S)
    return None


def kill_task(task: ChildProcess) -> float:
    """`kill -9` of a task with all that it started: with a container's first process the kernel ends the others."""
    return kill(task.pid, *(process.pid for process in below(task)))


def kill(*pids: int) -> float:
    """`kill -9`; when, as time.time()."""
    at = time.time()
    for pid in pids:
        send_signal(pid, signal.SIGKILL)
    return at
