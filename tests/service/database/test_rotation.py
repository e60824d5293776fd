"""The password of the database changes while the service runs: nobody notices."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg import sql

from local.postgres import Postgres
from service.aws.secrets import DatabaseCredentials, RotatingCredentials, Secrets
from service.config import WebConfig
from service.database import connection as connecting
from service.database.exclusive import unpooled
from tests.platform import Aws, Database

NEW_PASSWORD = "rotated-7f3c"  # noqa: S105 - of a test database


class Rotation:
    """What the rotation function does: the password first, the secret's current version a moment later."""

    def __init__(self, postgres: Postgres, aws: Aws, database: Database) -> None:
        self._postgres, self._aws, self._database = postgres, aws, database

    def change_password(self) -> None:
        """Also ends the service's connections, as a failover would: all of them must be opened anew."""
        with psycopg.connect(self._postgres.address.url(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(self._database.user), sql.Literal(NEW_PASSWORD)
                )
            )
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [self._database.user]
            )

    def change_secret(self) -> None:
        """The new password becomes the current version."""
        value = json.dumps({"username": self._database.user, "password": NEW_PASSWORD})
        self._aws.secrets.put_secret_value(SecretId=self._database.secret_arn, SecretString=value)


@pytest.fixture
def rotation(service: WebConfig, postgres: Postgres, aws: Aws, database: Database) -> Rotation:
    """Of this test's database."""
    return Rotation(postgres, aws, database)


def test_pooled_requests_go_on_through_a_rotation(rotation: Rotation) -> None:
    with ThreadPoolExecutor(8) as requests:
        assert list(requests.map(_request, range(32))) == [1] * 32
        rotation.change_password()
        late = threading.Timer(0.5, rotation.change_secret)
        late.start()
        assert list(requests.map(_request, range(32))) == [1] * 32
        late.join()


def test_a_worker_without_a_pool_goes_on_through_a_rotation(rotation: Rotation) -> None:
    alone = unpooled(connection)
    assert _ask(alone) == 1
    rotation.change_password()
    alone.close()
    late = threading.Timer(0.5, rotation.change_secret)
    late.start()
    assert _ask(alone) == 1
    late.join()
    alone.close()


def test_a_password_that_stays_wrong_is_an_error_in_the_end_that_does_not_tell_it(
    rotation: Rotation, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "ROTATION_PATIENCE_S", 0.3)
    rotation.change_password()
    with pytest.raises(OperationalError, match="authentication failed") as caught:
        _ask(unpooled(connection))
    assert database.password not in str(caught.value)


def test_a_database_that_is_not_there_does_not_make_anybody_read_the_secret_again(
    rotation: Rotation, reads: Callable[[], int]
) -> None:
    alone = unpooled(connection)
    alone.settings_dict["PORT"] = 1
    with pytest.raises(OperationalError, match="refused"):
        _ask(alone)
    assert reads() <= 1


def test_threads_that_are_refused_together_read_the_secret_once(reads: Callable[[], int]) -> None:
    credentials = RotatingCredentials(Secrets(region="eu-west-1"), "arn")
    first = credentials.current()
    with ThreadPoolExecutor(8) as threads:
        renewed = set(threads.map(lambda _: credentials.renewed(first).password, range(8)))
    assert renewed == {"read 2"}
    assert reads() == 2


def test_a_password_is_in_no_representation() -> None:
    assert "hunter2" not in repr(DatabaseCredentials(username="rawmill", password="hunter2"))  # noqa: S106


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch, database: Database) -> Iterator[Callable[[], int]]:
    """How often a database secret was read from now on; each reading gives another password."""
    count = 0

    def read(_self: Secrets, _arn: str) -> DatabaseCredentials:
        nonlocal count
        count += 1
        return DatabaseCredentials(username=database.user, password=f"read {count}")

    monkeypatch.setattr(Secrets, "database_credentials", read)
    connecting.credentials_of.cache_clear()
    yield lambda: count
    connecting.credentials_of.cache_clear()


def _request(_number: int) -> int:
    """One request: takes a connection from the pool and returns it."""
    try:
        return _ask(connection)
    finally:
        connection.close()


def _ask(wrapper: "connection.__class__") -> int:  # type: ignore[name-defined]
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])
