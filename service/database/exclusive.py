"""One process at a time, across all tasks, by an advisory lock of PostgreSQL."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

from service.logs import logger

_log = logger(__name__)


@contextmanager
def exclusive(what: str, connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Runs the block while no other process of this database is in a block of the same name; waits for its turn.

    The lock belongs to a connection of its own: it is freed when the block ends, or when the process dies in it.
    """
    lock = unpooled(connection)
    try:
        with lock.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [key_of(what)])
            if not cursor.fetchone()[0]:
                _log.info("waiting_for_another_task", what=what)
                cursor.execute("SELECT pg_advisory_lock(%s)", [key_of(what)])
            yield
    finally:
        lock.close()


def key_of(what: str) -> int:
    """The number that PostgreSQL knows a lock by."""
    return int.from_bytes(hashlib.sha256(f"rawmill:{what}".encode()).digest()[:8], signed=True)


def unpooled(connection: BaseDatabaseWrapper) -> BaseDatabaseWrapper:
    """Another connection to the same database that neither comes from a pool nor returns to one."""
    alone = connection.copy()
    options = {name: value for name, value in alone.settings_dict["OPTIONS"].items() if name != "pool"}
    alone.settings_dict = {**alone.settings_dict, "OPTIONS": options}
    return alone
