"""The platform under test: several tasks of each kind in two zones, behind a load balancer, over AWS that may fail."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

from chaos.disks import small_disk, unmount_below
from chaos.errors import ChaosError
from chaos.fleet import REPLACED_AFTER_S, Fleet
from chaos.relay.rules import Rule
from local.aws.endpoints import ROOT, AwsAddress
from local.clients import Clients
from local.layout import Layout
from local.overrides import web_url
from local.platform import Platform
from local.ports import free_port, is_open
from local.postgres import PostgresAddress
from local.process import ChildProcess, Program
from local.shape import Shape
from local.tasks import Part

MARK = "PYTHONRAWMILLCHAOS"
"""A variable that every process of the field inherits: by it a process that was left behind is found.
Called as Python's own are, for of all variables decoders inherit those."""
VISIBILITY_TIMEOUT_S = 15
"""Of queue and leases, 900 s on AWS: what a dead worker had in hand waits so long, and nobody wants to watch that."""
TIME_LIMIT_S = 60
STOP_TIMEOUT_S = 10
WORKER_MEMORY_BYTES = 1024**3
SWEEP_EVERY_S = 3.0
SCRATCH_MIB = 64
_READY_S = 300.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How many tasks a field has."""

    webs: int = 2
    workers: int = 4


class Field:
    """A running platform and everything that a test does to it. Made by `open_field`."""

    def __init__(self, platform: Platform, fleet: Fleet, *, mark: str, balancer: int, control: int, temp: Path) -> None:
        self.platform, self.fleet = platform, fleet
        self.mark = mark
        self.url = web_url(balancer)
        self.temp = temp
        self._control = control

    @property
    def key(self) -> str:
        """API key of the tenant `demo`."""
        return self.platform.layout.api_key.read_text()

    @cached_property
    def told(self) -> Mapping[str, str]:
        """What the maintenance task is told: names of everything."""
        return next(task for task in self.platform.tasks if task.name == Part.SWEEP).program.environment

    @cached_property
    def web_told(self) -> Mapping[str, str]:
        """What a web task is told."""
        return next(task for task in self.platform.tasks if task.name == Part.WEB).program.environment

    @cached_property
    def clients(self) -> Clients:
        """AWS as its root user sees it, not through the relay."""
        ports = self.platform.layout.kept_ports()
        if ports is None:
            raise ChaosError("the platform has no ports: it was never started")
        return Clients(AwsAddress(port=ports.aws))

    @property
    def database_url(self) -> str:
        """The service's database, for the superuser."""
        port = int(self.told["RAWMILL_DATABASE_PORT"])
        password = (self.platform.layout.database / "password").read_text()
        return PostgresAddress(port=port, password=password).url(self.told["RAWMILL_DATABASE_NAME"])

    def rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[DictRow]:
        """Asks the service's database, over a connection of its own; again while it is away."""

        def ask() -> list[DictRow]:
            url = self.database_url
            with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=30) as connection:
                return connection.execute(query, values).fetchall()

        return persistently(ask)

    def break_aws(self, rules: Sequence[Rule]) -> None:
        """From now on these rules hold for what the tasks and users ask of AWS, and no others."""
        self._relay("PUT", json.dumps([rule.as_json() for rule in rules]).encode())

    def hits(self) -> int:
        """Requests that the rules have hit."""
        return sum(json.loads(self._relay("GET")).values())

    def manage(self, *arguments: str) -> str:
        """An operator's command; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "service", "manage", *arguments],
            env=dict(self.told),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ChaosError(f"manage {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()

    def is_whole(self) -> bool:
        """Whether every task runs and is healthy."""
        return all(task.exit_code is None and _is_healthy(task) for task in self.platform.tasks)

    def wait_whole(self) -> None:
        """Until every task runs and is healthy."""
        wait_until(self.is_whole, within_s=_READY_S, what="every task runs and is healthy")

    def _relay(self, method: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(web_url(self._control), data=body, method=method)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return bytes(answer.read())


@contextmanager
def open_field(
    folder: Path,
    *,
    strength: Strength,
    tell: Callable[[str], None],
    changes: Mapping[str, str] | None = None,
    replaced_after_s: float = REPLACED_AFTER_S,
) -> Iterator[Field]:
    """A platform over an empty folder with its balancer and its relay; stopped in the end.

    Args:
        folder: of its data; emptied first.
        strength: how many tasks.
        tell: hears what starts.
        changes: variables that all tasks are told besides.
        replaced_after_s: from the end of a task to the start of another in its place.
    """
    unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)
    layout = Layout(folder)
    ports = layout.ports()
    temp = folder / "tmp"
    temp.mkdir()
    mark = uuid.uuid4().hex
    faulty, control, balancer = free_port(), free_port(), free_port()
    told = {
        MARK: mark,
        "TMPDIR": str(temp),
        "RAWMILL_LOG_FORMAT": "json",
        "RAWMILL_VISIBILITY_TIMEOUT_S": str(VISIBILITY_TIMEOUT_S),
        "RAWMILL_JOB_TIME_LIMIT_S": str(TIME_LIMIT_S),
        **(changes or {}),
    }
    worker = {
        "RAWMILL_PROCESSES": "1",
        "RAWMILL_MEMORY_BYTES": str(WORKER_MEMORY_BYTES),
        "RAWMILL_STOP_TIMEOUT_S": str(STOP_TIMEOUT_S),
    }
    shape = Shape(
        webs=strength.webs,
        workers=strength.workers,
        sweep_every_s=SWEEP_EVERY_S,
        aws_port=faulty,
        changes={Part.WEB: told, Part.WORKER: {**told, **worker}, Part.SWEEP: told},
    )
    with ExitStack() as stack:
        for number in range(1, strength.workers + 1):
            stack.enter_context(small_disk(layout.scratch_of(number), size_mib=SCRATCH_MIB))
        stack.enter_context(_relay("faulty", layout, faulty, [ports.aws, control]))
        wait_until(lambda: is_open(control), within_s=_READY_S, what="the relay in front of AWS listens")
        platform = stack.enter_context(Platform(layout, shape=shape, said=tell))
        fleet = stack.enter_context(Fleet(platform, replaced_after_s=replaced_after_s))
        webs = [int(web.program.environment["RAWMILL_PORT"]) for web in fleet.tasks(Part.WEB)]
        stack.enter_context(_relay("balancer", layout, balancer, webs))
        field = Field(platform, fleet, mark=mark, balancer=balancer, control=control, temp=temp)
        _shorten_visibility(field)
        wait_until(lambda: is_open(balancer), within_s=_READY_S, what="the load balancer listens")
        yield field


def persistently(ask: Callable[[], T]) -> T:
    """An answer of the database, which may be only just coming back."""
    deadline_s = time.monotonic() + _READY_S
    while True:
        try:
            return ask()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline_s:
                raise ChaosError(f"the database stays away: {error}") from error
            time.sleep(0.1)


def wait_until(holds: Callable[[], bool], *, within_s: float, what: str, pause_s: float = 0.1) -> None:
    """Until something holds.

    Raises:
        ChaosError: it does not, named by `what`.
    """
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise ChaosError(f"waited {within_s:.0f} s in vain: {what}")
        time.sleep(pause_s)


@contextmanager
def _relay(name: str, layout: Layout, port: int, arguments: Sequence[int]) -> Iterator[ChildProcess]:
    child = ChildProcess(
        Program(
            name=name,
            command=[sys.executable, "-m", f"chaos.relay.{name}", str(port), *map(str, arguments)],
            environment={"PYTHONPATH": str(ROOT)},
            log=layout.log(name),
            folder=ROOT,
        )
    )
    try:
        yield child
    finally:
        child.stop()


def _shorten_visibility(field: Field) -> None:
    field.clients.sqs.set_queue_attributes(
        QueueUrl=field.told["RAWMILL_QUEUE_URL"],
        Attributes={"VisibilityTimeout": field.told["RAWMILL_VISIBILITY_TIMEOUT_S"]},
    )


def _is_healthy(task: ChildProcess) -> bool:
    """The container's own health check, without the cost of a process for each."""
    from service import check  # noqa: PLC0415 - standard library only

    told = task.program.environment
    if task.name.startswith(Part.WEB):
        return check.web(int(told["RAWMILL_PORT"])) is None
    return task.name == Part.SWEEP or check.worker(Path(told["RAWMILL_SCRATCH"])) is None
