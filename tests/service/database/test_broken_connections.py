"""A failover cuts every connection: whoever asks again is answered."""

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from local.postgres import Postgres
from service.config import WebConfig
from service.database.exclusive import unpooled
from service.jobs.models import Tenant
from tests.platform import Database


def test_after_a_cut_the_next_statement_of_a_worker_has_a_new_connection(
    service: WebConfig, postgres: Postgres, database: Database
) -> None:
    alone = unpooled(connection)
    try:
        before = _backend(alone)
        _cut(postgres, database)
        with pytest.raises(OperationalError):
            _backend(alone)
        assert _backend(alone) != before
    finally:
        alone.close()


def test_what_follows_in_a_transaction_that_was_cut_is_not_done_outside_of_it(
    service: WebConfig, postgres: Postgres, database: Database
) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Tenant.objects.create(slug="first", name="First")
        _cut(postgres, database)
        with pytest.raises(OperationalError):
            Tenant.objects.create(slug="second", name="Second")
        Tenant.objects.create(slug="third", name="Third")
    assert Tenant.objects.count() == 0


def _backend(wrapper: "connection.__class__") -> int:  # type: ignore[name-defined]
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _cut(postgres: Postgres, database: Database) -> None:
    with psycopg.connect(postgres.address.url(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [database.user])
