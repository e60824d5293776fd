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

from service.config import WebConfig
from service.jobs import transitions
from service.jobs.models import Tenant
from service.jobs.records import NewFile

T = TypeVar("T")

RECIPE: dict[str, Any] = {"renditions": [{"name": "thumb", "long_edge_px": 320}]}
SIZE_BYTES = 1000


@dataclass(frozen=True)
class Made:
    """A job whose images are uploaded and sent."""

    job_id: UUID
    image_ids: tuple[UUID, ...]


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


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Runs all calls at the same moment, each in a thread with a database connection of its own."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.fixture
def queries(service: WebConfig) -> Iterator[Callable[[], int]]:
    """How many statements this thread has sent to the database so far."""
    count = 0

    def counted(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    with connection.execute_wrapper(counted):
        yield lambda: count
