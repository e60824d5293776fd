"""`make up` in another process, as an operator has it, and what a drill does around it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import psutil

from chaos.errors import ChaosError
from chaos.facts import Facts, Gatherer
from chaos.field import wait_until
from chaos.judge import PROMISES, Expected
from chaos.shoot import PATIENCE, RECIPE, originals, photos
from client import Rawmill, Submission
from local.aws.endpoints import ROOT, AwsAddress
from local.clients import Clients
from local.layout import Layout
from local.postgres import PostgresAddress
from local.tasks import Part

_READY = "The platform is ready"
_UP_WITHIN_S = 600.0
_PHOTO_PX = (600, 400)
# Of a platform at rest; processes and files are looked at by the faults.
_ELSEWHERE = {"no process is left behind", "no temporary file is left behind"}


@dataclass
class Station:
    """A platform over a data folder, up or down."""

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        """The platform's data folder."""
        return self.folder / "data"

    @cached_property
    def layout(self) -> Layout:
        """Its paths."""
        return Layout(self.data)

    def up(self) -> None:
        """`make up`, until it is ready."""
        output = self.folder / "up.out"
        with output.open("wb") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local", "up", "--data", str(self.data)],
                cwd=ROOT,
                stdout=terminal,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = self.process
        wait_until(
            lambda: _READY in output.read_text(errors="replace") or process.poll() is not None,
            within_s=_UP_WITHIN_S,
            what="`make up` is ready",
        )
        if process.poll() is not None:
            raise ChaosError(f"`make up` ended: {output.read_text(errors='replace')[-2000:]}")

    def down(self) -> None:
        """Ctrl-C, unless it has stopped already."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)

    def stopped(self) -> None:
        """Waits for the end that `make down` has asked for."""
        if self.process is not None:
            self.process.wait(120)

    @contextmanager
    def no_work(self) -> Iterator[None]:
        """The worker stands still within: what is submitted waits."""
        process = self.process
        if process is None:
            raise ChaosError("the platform is not up")
        [worker] = [
            child
            for child in psutil.Process(process.pid).children()
            if child.cmdline()[1:4] == ["-m", "service", "worker"]
        ]
        worker.suspend()
        try:
            yield
        finally:
            worker.resume()

    @property
    def clients(self) -> Clients:
        """AWS as its root user sees it."""
        return Clients(AwsAddress(port=self.aws_port))

    @property
    def aws_port(self) -> int:
        """Of the AWS endpoints."""
        ports = self.layout.kept_ports()
        if ports is None:
            raise ChaosError("the platform was never up")
        return ports.aws

    def submit(self, images: int, *, wait: bool = True) -> tuple[Submission, list[str]]:
        """A job of new images, and their names."""
        stamp = f"{time.time():.3f}"
        files = originals(self.folder / "shoots" / stamp, photos(self.folder / "photos", _PHOTO_PX), images)
        ports = self.layout.kept_ports()
        if ports is None:
            raise ChaosError("the platform was never up")
        key = self.layout.api_key.read_text()
        url = f"http://127.0.0.1:{ports.web}"
        with Rawmill(url, key, state=self.folder / "client", patience=PATIENCE) as rawmill:
            submission = rawmill.submit([files[0].parent], recipe=RECIPE, anew=True, wait=wait)
        return submission, [path.name for path in files]

    def facts(self, jobs: Sequence[str]) -> Facts:
        """Rows, objects, messages and archives."""
        rows = self._gatherer.rows()
        archives = self._gatherer.archives(job for job in rows["jobs"] if job["job_id"] in jobs)
        return Facts(**rows, **self._gatherer.objects(), **self._gatherer.messages(), archives=archives)

    def broken(self, expected: Expected, *, but: Sequence[str] = ()) -> list[str]:
        """Promises that are not kept now, those left out that a drill breaks on purpose."""
        facts = self.facts(list(expected.jobs))
        passed_over = {*_ELSEWHERE, *but}
        return [
            f"{name}: {what}"
            for name, check in PROMISES.items()
            if name not in passed_over
            for what in check(facts, expected)
        ]

    def wait_kept(self, expected: Expected, *, but: Sequence[str] = (), within_s: float = 600.0) -> list[str]:
        """Promises that are still not kept after a while; none as soon as all are."""
        deadline_s = time.monotonic() + within_s
        while (found := self.broken(expected, but=but)) and time.monotonic() < deadline_s:
            time.sleep(1.0)
        return found

    @property
    def _gatherer(self) -> Gatherer:
        told = self.told
        password = (self.layout.database / "password").read_text()
        address = PostgresAddress(port=int(told["RAWMILL_DATABASE_PORT"]), password=password)
        return Gatherer(
            database_url=address.url(told["RAWMILL_DATABASE_NAME"]),
            s3=self.clients.s3,
            sqs=self.clients.sqs,
            told=told,
        )

    @cached_property
    def told(self) -> dict[str, str]:
        """What the sweeper is told: names of everything."""
        from local.tasks import deployed_tasks  # noqa: PLC0415

        return dict(deployed_tasks(self.clients.ecs)[Part.SWEEP].environment)


@contextmanager
def station(folder: Path) -> Iterator[Station]:
    """A platform that is up; stopped in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Station(folder)
    place.up()
    try:
        yield place
    finally:
        place.down()


def now() -> str:
    """The moment as runbooks write it, at the end of a second in which nothing happens any more."""
    time.sleep(1.2)
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    time.sleep(1.2)
    return moment
