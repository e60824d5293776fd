"""Jobs to play with, and workers that are threads with a connection each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection

from service.aws.clients import Clients
from service.aws.queue import Queue
from service.config import WebConfig
from service.jobs import transitions
from service.jobs.messages import Unreadable, Wanted, parse
from service.jobs.models import Tenant
from service.jobs.records import NewFile
from service.jobs.sweeper import Sweeper
from tests.platform import Resources

T = TypeVar("T")

RECIPE: dict[str, Any] = {"renditions": [{"name": "thumb", "long_edge_px": 320}]}
SIZE_BYTES = 1000
RETENTION = timedelta(days=2)
"""Of the job queue: another one than the default, for a setting has to be heeded."""


@dataclass(frozen=True)
class Made:
    """A job whose images are uploaded and sent."""

    job_id: UUID
    image_ids: tuple[UUID, ...]


@pytest.fixture
def resources(shared_resources: Resources) -> Resources:
    """In the place of new ones for each test, which take longer than most tests of state."""
    return shared_resources


@pytest.fixture
def tenant(service: WebConfig) -> str:
    """A tenant's slug."""
    return str(Tenant.objects.create(slug="acme", name="Acme Weddings").slug)


@pytest.fixture
def make_job(tenant: str) -> Callable[..., Made]:
    """Makes a job of so many images: `make_job(3)`; `uploaded=False` leaves it at the announcement."""

    def make(images: int, *, uploaded: bool = True, lifetime: timedelta = timedelta(days=7)) -> Made:
        created = transitions.create_job(
            tenant=tenant,
            recipe=RECIPE,
            recipe_digest="0" * 64,
            files=[NewFile(name=f"{number}.dng", size_bytes=SIZE_BYTES) for number in range(images)],
            lifetime=lifetime,
        )
        job_id = created.job.job_id
        if uploaded:
            transitions.mark_uploaded(job_id, [(image_id, SIZE_BYTES) for image_id in created.image_ids])
            transitions.mark_enqueued(created.image_ids)
        return Made(job_id, created.image_ids)

    return make


class Workers:
    """Threads that keep their database connection from one call to the next, as workers do."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads)
        self._most = threads

    def at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Runs all calls at the same moment and returns their answers in order."""
        assert len(calls) <= self._most
        barrier = Barrier(len(calls))

        def run(call: Callable[[], T]) -> T:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            return call()

        return list(self._threads.map(run, calls))

    def close(self) -> None:
        """Ends the connections and the threads."""
        self.at_once([_end_connection] * self._most)
        self._threads.shutdown()


def _end_connection() -> None:
    connection.close()  # of the thread that runs this


@pytest.fixture
def workers(service: WebConfig) -> Iterator[Workers]:
    """Eight of them."""
    threads = Workers(8)
    yield threads
    threads.close()


@dataclass(frozen=True)
class Queues:
    """The job queue and its dead-letter queue, of one test alone."""

    jobs: Queue
    dead_letters: Queue

    def bodies(self) -> list[Wanted | Unreadable]:
        """Takes everything off the job queue and reads it."""
        found = []
        while messages := self.jobs.receive(wait_s=0):
            for message in messages:
                found.append(parse(message.body))
                self.jobs.delete(message)
        return found


@pytest.fixture
def queues(service: WebConfig) -> Queues:
    """New ones are slow to make: the shared ones, emptied."""
    sqs = Clients(region=service.region).sqs
    found = Queues(Queue(sqs, service.queue_url), Queue(sqs, service.dead_letter_queue_url))
    for queue in (found.jobs, found.dead_letters):
        sqs.purge_queue(QueueUrl=queue.url)
    return found


@pytest.fixture
def sweeper(service: WebConfig, queues: Queues) -> Sweeper:
    """A sweeper over this test's database and queues."""
    return Sweeper(service, Clients(region=service.region), retention=RETENTION)
