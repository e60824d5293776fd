"""Licence seats as advisory locks of the database: shared by every worker of the fleet, freed by the holder's death.

A seat is a session lock on (licence, number of the seat). PostgreSQL frees it when the holder's connection ends, which
the kernel sees to when the process dies, however it dies.
"""

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg.rows import tuple_row

from processor.errors import ImageError, ReasonCode
from processor.licences import Holder, Licences, Seat
from service.database.connection import RotatingConnection, credentials_of
from service.worker.tasks import LicenceSetup

Connect = Callable[[], "psycopg.Connection[Any]"]

APPLICATION = "rawmill-licence"
LONGEST_PAUSE_S = 0.5
"""A fleet that waits for seats asks the database twice a second and child."""
_HOST_LENGTH, _IMAGE_LENGTH = 16, 24
"""application_name holds 63 bytes."""

# The recursion tries one seat after another and stops at the first; a plain LIMIT might take several.
_ACQUIRE = """
WITH RECURSIVE named AS MATERIALIZED (
    SELECT set_config('application_name', %(note)s, false)
), trial (seat, is_ours) AS (
    SELECT 0, pg_try_advisory_lock(%(licence)s, 0) FROM named
    UNION ALL
    SELECT seat + 1, pg_try_advisory_lock(%(licence)s, seat + 1) FROM trial WHERE NOT is_ours AND seat + 1 < %(seats)s
)
SELECT seat FROM trial WHERE is_ours
"""
_RELEASE = "SELECT pg_advisory_unlock(%(licence)s, %(seat)s)"
_HOLDERS = """
SELECT activity.application_name, coalesce(host(activity.client_addr), 'local'),
    extract(epoch FROM activity.query_start)::float
FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 2
    AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND locks.classid::bigint = %(licence)s::bigint & 4294967295 AND locks.objid::bigint < %(seats)s
ORDER BY locks.objid
"""

log = structlog.get_logger(__name__)


def open_licences(setup: LicenceSetup) -> Licences:
    """Licences over the database of the setup; it connects with the first seat that is asked for."""

    def connect() -> "psycopg.Connection[Any]":
        return RotatingConnection.connect(
            credentials=credentials_of(setup.region, setup.secret_arn),
            host=setup.host,
            port=setup.port,
            dbname=setup.database,
            sslmode=setup.sslmode,
            connect_timeout=5,
            keepalives_idle=15,
            keepalives_interval=5,
            keepalives_count=3,
            application_name=APPLICATION,
            autocommit=True,
        )

    return Licences(PostgresLicenceBackend(connect), dict(setup.seats), longest_pause_s=LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class _DatabaseSeat:
    connection: "psycopg.Connection[Any]"
    licence: int
    number: int

    def release(self) -> None:
        try:
            self.connection.execute(_RELEASE, {"licence": self.licence, "seat": self.number})
        except psycopg.Error as error:
            # The connection is gone, and the lock with it.
            self.connection.close()
            log.warning("licence seat was lost while it was held", error=str(error))


class PostgresLicenceBackend:
    """Seats of all licences on one connection of its own. For one thread."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None

    def try_acquire(self, name: str, seats: int, image: str) -> Seat | None:
        """Take the first seat that is free, without waiting.

        Raises:
            ImageError: LICENCE_TIMEOUT, when the database that counts the seats cannot be asked.
        """
        licence = _number_of(name)
        values = {"licence": licence, "seats": seats, "note": _note(image)}
        connection, row = self._ask(name, _ACQUIRE, values)
        return None if not row else _DatabaseSeat(connection, licence, int(row[0][0]))

    def holders(self, name: str, seats: int) -> tuple[Holder, ...]:
        """Who holds the seats now: host, process and image as its connection is called, since its last query."""
        _, rows = self._ask(name, _HOLDERS, {"licence": _number_of(name), "seats": seats})
        return tuple(_holder(note, address, since) for note, address, since in rows)

    def _ask(
        self, name: str, query: str, values: dict[str, object]
    ) -> "tuple[psycopg.Connection[Any], list[tuple[Any, ...]]]":
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            with self._connection.cursor(row_factory=tuple_row) as cursor:
                return self._connection, cursor.execute(query, values).fetchall()
        except psycopg.Error as error:
            if self._connection is not None:
                self._connection.close()
            message = f"no seat of licence {name!r} could be asked for: the database that counts them is away: {error}"
            raise ImageError(ReasonCode.LICENCE_TIMEOUT, message) from error


def _number_of(name: str) -> int:
    """A licence's lock number: 32 bits, with a sign."""
    return int.from_bytes(hashlib.sha256(f"rawmill-licence:{name}".encode()).digest()[:4], "big", signed=True)


def _note(image: str) -> str:
    # The image's file is called `original` everywhere; its folder tells images apart.
    what = Path(image).parent.name[:_IMAGE_LENGTH] or "-"
    return f"{APPLICATION} {socket.gethostname()[:_HOST_LENGTH]} {os.getpid()} {what}"


def _holder(note: str, address: str, since: float) -> Holder:
    parts = note.split(" ")
    if len(parts) == 4 and parts[0] == APPLICATION and parts[2].isdigit():
        return Holder(pid=int(parts[2]), host=parts[1], image=parts[3], since=since)
    return Holder(pid=0, host=address, image=note, since=since)
