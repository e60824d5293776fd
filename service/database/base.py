"""The engine: what Django loads for `ENGINE: service.database`."""

from typing import Any

from django.db.backends.postgresql import base

from service.database.connection import connected, credentials_of


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL whose user and password come from a secret that may be rotated at any time.

    The options `region` and `secret_arn` name the secret. Without them user and password are as in any project.
    """

    def get_connection_params(self) -> dict[str, Any]:
        """What a connection is opened with; `credentials` stands for user and password."""
        params: dict[str, Any] = super().get_connection_params()
        region, secret_arn = params.pop("region", None), params.pop("secret_arn", None)
        if secret_arn is not None:
            params["credentials"] = credentials_of(region, secret_arn)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection from the pool, or a new one."""
        credentials = conn_params.pop("credentials", None)
        if credentials is None or self.pool is not None:  # the pool opens its own as RotatingConnection
            return super().get_new_connection(conn_params)
        opened = super().get_new_connection
        return connected(
            credentials, lambda who: opened({**conn_params, "user": who.username, "password": who.password})
        )

    def _cursor(self, name: str | None = None) -> Any:
        """A connection that is known to be dead is replaced, except within a transaction, which died with it.

        Django does so between requests only; workers and tools have none. The statement that finds the connection dead
        still fails: whether it was done before the connection broke, nobody can tell but its caller.
        """
        if self.connection is not None and self.connection.closed and not self.in_atomic_block:
            self.close()
        return super()._cursor(name)  # type: ignore[misc]  # missing in the stubs
