"""The platform of `make up` over an empty folder, with PostgreSQL counting statements."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from local.aws.endpoints import ROOT
from local.layout import Layout
from local.platform import Platform
from local.postgres import Postgres, PostgresAddress

COUNTER = "pg_stat_statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running platform.

    Attributes:
        platform: its parts and how clients get in.
        database_url: of the service's database, for the superuser.
        environment: what operators' commands run with.
    """

    platform: Platform
    database_url: str
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """Origin of the API."""
        return self.platform.access.url

    def new_key(self, tenant: str) -> str:
        """An API key of a new tenant, made by the operators' tool."""
        self._manage("tenants", "create", tenant, "--name", "Benchmark")
        return self._manage("api_keys", "create", tenant, "--name", "benchmark")

    def _manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "service", "manage", *arguments],
            env=dict(self.environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@contextmanager
def running_platform(folder: Path, *, tell: Callable[[str], None] = lambda _: None) -> Iterator[Running]:
    """A platform over an empty folder, stopped in the end.

    Args:
        folder: of its data; emptied first.
        tell: hears what starts.
    """
    shutil.rmtree(folder, ignore_errors=True)
    layout = Layout(folder)
    tell("PostgreSQL learns to count statements")
    with Postgres(layout.database, log=layout.log("postgres")) as postgres:
        _count_statements(postgres.address)
    with Platform(layout, said=tell) as platform:
        sweeper = next(child for child in platform.children if child.name == "sweep")
        environment = sweeper.program.environment
        port = int(environment["RAWMILL_DATABASE_PORT"])
        address = PostgresAddress(port=port, password=(layout.database / "password").read_text())
        url = address.url(environment["RAWMILL_DATABASE_NAME"])
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(COUNTER)))
        yield Running(platform=platform, database_url=url, environment=environment)


def _count_statements(address: PostgresAddress) -> None:
    with psycopg.connect(address.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER SYSTEM SET shared_preload_libraries = {}").format(sql.Literal(COUNTER)))
