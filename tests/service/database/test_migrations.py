"""Migrations: once, however many tasks start together, and complete."""

import io
import subprocess
import sys
import time

import psycopg
from django.core.management import call_command
from django.db import connection, connections

from local.aws.endpoints import ROOT
from local.postgres import Postgres
from local.session_store import SessionStore
from service.config import WebConfig
from service.database.exclusive import key_of
from service.database.migrate import migrate_first
from service.jobs.models import Tenant
from tests.platform import Aws, Database, Resources, environment_of

TASKS = 4


def test_four_tasks_that_start_together_migrate_once_and_all_go_on(
    empty_database: Database, aws: Aws, shared_resources: Resources, session_store: SessionStore, postgres: Postgres
) -> None:
    environment = environment_of(
        aws=aws, database=empty_database, resources=shared_resources, session_store=session_store
    )
    with psycopg.connect(postgres.address.url(empty_database.name), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [key_of("migrate")])
        tasks = [
            subprocess.Popen(
                [sys.executable, "-m", "service", "manage", "migrate", "--verbosity", "0"],
                env={"PATH": "/usr/bin", **environment},
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(TASKS)
        ]
        deadline = time.monotonic() + 120
        while _waiting(first) < TASKS:
            assert time.monotonic() < deadline, "the tasks do not wait for the one that migrates"
            time.sleep(0.05)
        assert _tables(first) == 0
        first.execute("SELECT pg_advisory_unlock(%s)", [key_of("migrate")])
        for task in tasks:
            _, log = task.communicate(timeout=120)
            assert task.returncode == 0, log
            assert "waiting_for_another_task" in log
        assert _tables(first) > 4
        (applied,) = first.execute("SELECT count(*) FROM django_migrations WHERE app = 'jobs'").fetchone() or (0,)
        (different,) = first.execute(
            "SELECT count(DISTINCT name) FROM django_migrations WHERE app = 'jobs'"
        ).fetchone() or (0,)
        assert applied == different >= 1


def test_the_migrations_say_everything_that_the_models_say(service: WebConfig) -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=io.StringIO(), verbosity=0)


def test_after_migrating_nothing_is_left_that_forked_processes_would_share(service: WebConfig) -> None:
    assert Tenant.objects.count() == 0
    migrate_first()
    assert all(each.connection is None for each in connections.all(initialized_only=True))
    assert not connection._connection_pools  # type: ignore[attr-defined]
    assert Tenant.objects.count() == 0


def _waiting(admin: "psycopg.Connection[tuple[int]]") -> int:
    found = admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()
    return found[0] if found else 0


def _tables(admin: "psycopg.Connection[tuple[int]]") -> int:
    found = admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    return found[0] if found else 0
