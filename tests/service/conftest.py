"""The service in this process, over parts of its own for every test."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.core.cache import caches
from django.db import connection, connections
from django.utils.connection import BaseConnectionHandler

from service import runtime
from service import settings as settings_module
from service.config import WebConfig
from tests.platform import Resources


@pytest.fixture(scope="session")
def shared_resources(new_resources: Callable[[], Resources]) -> Resources:
    """Queues and buckets for tests that do not look at them."""
    return new_resources()


@pytest.fixture
def service(service_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[WebConfig]:
    """Django set up as in a web task. Models, transitions and views work; the database and the queues are new."""
    for name, value in service_environment.items():
        monkeypatch.setenv(name, value)
    config = WebConfig.from_environment(service_environment)
    runtime.start(config)
    # Django reads its settings once a process; here each test has its own.
    fresh = importlib.reload(settings_module)
    for name in filter(str.isupper, dir(fresh)):
        monkeypatch.setattr(settings, name, getattr(fresh, name))
    _forget()
    yield config
    _forget()


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


def _forget() -> None:
    """Ends the connections of this thread and the pool of this process; the next ones follow the settings then."""
    # also when only other threads had a connection: the pool is the process's
    for each in connections.all():
        each.close()
        if hasattr(each, "close_pool"):
            each.close_pool()
        del connections[each.alias]
    handlers: tuple[BaseConnectionHandler[Any], ...] = (connections, caches)
    for handler in handlers:
        handler.__dict__.pop("settings", None)  # a cached property
        handler._settings = None  # type: ignore[attr-defined]
    caches.close_all()
    structlog.contextvars.clear_contextvars()
