"""The service in this process, over parts of its own for every test."""

from collections.abc import Iterator

import pytest

from service import runtime
from service.config import WebConfig


@pytest.fixture
def service(service_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[WebConfig]:
    """Django set up as in a web task. Models, transitions and views work; the database and the queues are new."""
    for name, value in service_environment.items():
        monkeypatch.setenv(name, value)
    config = WebConfig.from_environment(service_environment)
    runtime.start(config)
    from django.db import connections

    # Django reads its settings once a process; what differs between tests is put in their place here.
    fresh = {"HOST": config.database_host, "PORT": config.database_port, "NAME": config.database_name}
    connections.settings["default"].update(fresh)
    connections.settings["default"]["OPTIONS"]["secret_arn"] = config.database_secret_arn
    yield config
    close_connections()


def close_connections() -> None:
    """Ends the connections of this thread and the pool of this process."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
