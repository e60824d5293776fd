"""PostgreSQL and the session store: restarted, frozen, gone, with another password."""

import json
import os
import secrets
import signal
import time

import psycopg
from psycopg import sql

from chaos.faults import Fault, fault
from chaos.field import Field, wait_until
from local.errors import LocalError
from local.ports import is_open
from local.process import ChildProcess

_BACK_WITHIN_S = 300.0
_GONE_S = 4.0


class _Postgres(Fault):
    """The server is stopped by a signal and started again a few seconds later."""

    stop: signal.Signals

    def inject(self, target: Field) -> None:
        server = _server(target, "postgres")
        os.kill(server.pid, self.stop)
        wait_until(lambda: server.exit_code is not None, within_s=_BACK_WITHIN_S, what="PostgreSQL has stopped")
        time.sleep(_GONE_S)

    def heal(self, target: Field) -> None:
        bring_back_postgres(target)

    def hits(self, target: Field) -> int:
        return int(_server(target, "postgres").exit_code is not None)


@fault
class PostgresFast(_Postgres):
    name = "database restarted, fast"
    what = "PostgreSQL ends all sessions and stops, is away for 4 s, and starts"
    stop = signal.SIGINT


@fault
class PostgresImmediate(_Postgres):
    name = "database restarted, immediate"
    what = "PostgreSQL stops at once as in a crash, is away for 4 s, and recovers from its log"
    stop = signal.SIGQUIT


@fault
class PostgresFrozen(Fault):
    name = "database frozen"
    what = "PostgreSQL and all its sessions stand still for 8 s: connections stay open and nobody answers"
    lasts_s = 8.0

    def inject(self, target: Field) -> None:
        self._signal(target, signal.SIGSTOP)
        time.sleep(self.lasts_s)

    def heal(self, target: Field) -> None:
        self._signal(target, signal.SIGCONT)

    def hits(self, target: Field) -> int:
        del target
        return 1

    def _signal(self, target: Field, number: signal.Signals) -> None:
        from chaos.fleet import below  # noqa: PLC0415

        server = _server(target, "postgres")
        for pid in (server.pid, *(session.pid for session in below(server))):
            os.kill(pid, number)


@fault
class PasswordRotated(Fault):
    name = "password rotated"
    what = "the role's password changes, sessions are ended, and the secret follows 2 s later, as RDS does it"

    def inject(self, target: Field) -> None:
        arn = target.told["RAWMILL_DATABASE_SECRET_ARN"]
        secret = json.loads(target.clients.secrets.get_secret_value(SecretId=arn)["SecretString"])
        secret["password"] = secrets.token_urlsafe(24)
        with psycopg.connect(target.database_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(secret["username"]), sql.Literal(secret["password"])
                )
            )
            # Sessions survive a rotation; so that all have to sign in anew, these do not.
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [secret["username"]]
            )
        time.sleep(2.0)
        target.clients.secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(secret))
        time.sleep(2.0)

    def hits(self, target: Field) -> int:
        del target
        return 1


@fault
class SessionStoreGone(Fault):
    name = "session store gone"
    what = "Redis is killed, is away for 4 s, and comes back empty"

    def inject(self, target: Field) -> None:
        store = _server(target, "session-store")
        os.kill(store.pid, signal.SIGKILL)
        wait_until(lambda: store.exit_code is not None, within_s=_BACK_WITHIN_S, what="Redis is dead")
        time.sleep(_GONE_S)

    def heal(self, target: Field) -> None:
        target.platform.restart("session-store")
        port = int(target.web_told["RAWMILL_SESSION_STORE_PORT"])
        wait_until(lambda: is_open(port), within_s=_BACK_WITHIN_S, what="Redis listens")

    def hits(self, target: Field) -> int:
        return int(_server(target, "session-store").exit_code is not None)


def bring_back_postgres(target: Field) -> None:
    """Starts the server, again where the last one's children are not quite gone, and waits until it answers."""
    deadline_s = time.monotonic() + _BACK_WITHIN_S
    while True:
        server = target.platform.restart("postgres")
        try:
            server.wait_until(lambda: _answers(target), timeout_s=_BACK_WITHIN_S)
        except LocalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.3)
        else:
            return


def _answers(target: Field) -> bool:
    try:
        psycopg.connect(target.database_url, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


def _server(target: Field, name: str) -> ChildProcess:
    return next(child for child in target.platform.children if child.name == name)
