"""Opens connections with the credentials of a secret; a refusal makes it read the secret anew and try again."""

import functools
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

import psycopg

from service.aws.secrets import DatabaseCredentials, RotatingCredentials, secrets_of

T = TypeVar("T")

ROTATION_PATIENCE_S = 10.0
"""A rotation changes the password first and the secret's current version a moment later: so long we go on asking."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_REFUSED = {"28P01", "28000"}


@functools.cache
def credentials_of(region: str, secret_arn: str) -> RotatingCredentials:
    """The credentials of a secret, shared by all connections of this process."""
    return RotatingCredentials(secrets_of(region), secret_arn)


def connected(credentials: RotatingCredentials, connect: Callable[[DatabaseCredentials], T]) -> T:
    """What `connect` returns with the credentials; after a refusal with those that the secret has by then.

    Raises:
        psycopg.OperationalError: the database cannot be reached, or still refuses after ROTATION_PATIENCE_S.
    """
    known = credentials.current()
    pause_s, deadline = 0.0, time.monotonic() + ROTATION_PATIENCE_S
    while True:
        try:
            return connect(known)
        except psycopg.OperationalError as error:
            if not _refused(error) or time.monotonic() + pause_s > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(max(2 * pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        known = credentials.renewed(known)


class RotatingConnection(psycopg.Connection[Any]):
    """A connection that takes `credentials` in the place of user and password: the pool's connection class."""

    @classmethod
    def connect(cls, conninfo: str = "", *, credentials: RotatingCredentials, **kwargs: Any) -> Self:  # type: ignore[override]
        """Opens a connection."""
        parent = super().connect
        return connected(credentials, lambda who: parent(conninfo, **kwargs, user=who.username, password=who.password))


def _refused(error: psycopg.OperationalError) -> bool:
    """libpq gives no SQLSTATE for a connection that never was, only the server's words."""
    return error.sqlstate in _REFUSED or "authentication failed" in str(error)
