"""Secrets Manager: secret strings, and database credentials that are read anew when the database refuses them."""

import functools
import json
import threading
from dataclasses import dataclass, field

from service.aws.clients import Clients
from service.aws.errors import translated


class SecretError(Exception):
    """A secret is not what it should be. The message names the secret and what is expected, never its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCredentials:
    """Who to be at the database. The password is kept out of every representation."""

    username: str
    password: str = field(repr=False)


class Secrets:
    """Reads secrets of one region. Safe to share between threads."""

    def __init__(self, *, region: str) -> None:
        self._clients = Clients(region=region)

    def text(self, arn: str) -> str:
        """The current value of a secret string.

        Raises:
            SecretError: the secret is binary or empty.
            AwsError: there is none, this task may not read it, or AWS is away.
        """
        with translated("GetSecretValue", arn):
            value = self._clients.secrets.get_secret_value(SecretId=arn).get("SecretString")
        if not value:
            raise SecretError(f"secret {arn}: no secret string; it needs one")
        return value

    def database_credentials(self, arn: str) -> DatabaseCredentials:
        """The current user and password of a database secret.

        Raises:
            SecretError: it is not JSON with `username` and `password`.
            AwsError: as for `text`.
        """
        try:
            fields = json.loads(self.text(arn))
            return DatabaseCredentials(username=str(fields["username"]), password=str(fields["password"]))
        except (ValueError, KeyError, TypeError):
            raise SecretError(f'secret {arn}: not JSON with "username" and "password"') from None


@functools.cache
def secrets_of(region: str) -> Secrets:
    """The reader of a region, shared by this process: making a client takes longer than using it."""
    return Secrets(region=region)


class RotatingCredentials:
    """Database credentials that are kept until they are refused. Safe to share between threads."""

    def __init__(self, secrets: Secrets, arn: str) -> None:
        self._secrets = secrets
        self._arn = arn
        self._lock = threading.Lock()
        self._current: DatabaseCredentials | None = None

    def current(self) -> DatabaseCredentials:
        """The credentials as last read; read at the first call."""
        with self._lock:
            if self._current is None:
                self._current = self._secrets.database_credentials(self._arn)
            return self._current

    def renewed(self, refused: DatabaseCredentials) -> DatabaseCredentials:
        """The credentials after `refused` was refused. Many threads that are refused together read the secret once."""
        with self._lock:
            if self._current is None or self._current == refused:
                self._current = self._secrets.database_credentials(self._arn)
            return self._current
