"""`make backup` and `make restore TO=TIME`: the local database as it was at any moment since the backup.

The same as RDS does for the deployed one: a copy of the whole cluster, and from then on every segment of its log. The
log is kept from the moment at which a backup is there; `make restore` puts the copy in the place of the cluster, and
PostgreSQL plays the log up to the moment when the platform starts next.
"""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.postgres import SUPERUSER, PostgresAddress, give_away_all, program, unprivileged
from local.running import find_running

BACKUP = "backup"
"""Below the database's folder: what the server must be able to write and read is its own user's."""
_BASE, _LOG, _BEFORE = "base", "log", "before-restore"


def backup(data: Path) -> int:
    """Copies the database of the running platform; an earlier backup is replaced. Returns the exit code."""
    layout = Layout(data)
    ports = layout.kept_ports()
    if find_running(layout) is None or ports is None:
        raise LocalError(LocalReason.NOT_RUNNING, f"no platform runs over {layout.root}; start one with `make up`")
    folder = layout.database / BACKUP
    shutil.rmtree(folder, ignore_errors=True)
    (folder / _LOG).mkdir(parents=True)
    give_away_all(folder)
    address = PostgresAddress(port=ports.database, password=(layout.database / "password").read_text())
    command = [
        str(program("pg_basebackup")),
        *("--host", address.host, "--port", str(address.port), "--username", SUPERUSER, "--no-password"),
        *("--pgdata", str(folder / _BASE), "--wal-method", "none", "--checkpoint", "fast", "--no-manifest"),
    ]
    _run(command, reach=folder, password=address.password, what="the database could not be copied")
    print(f"backed up at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}; `make restore TO=TIME` goes back to any later moment")
    return 0


def restore(data: Path, to: datetime) -> int:
    """Puts the backup in the place of the stopped platform's database. Returns the exit code."""
    layout = Layout(data)
    if find_running(layout) is not None:
        raise LocalError(LocalReason.ALREADY_RUNNING, f"a platform runs over {layout.root}; `make down` stops it")
    folder, cluster = layout.database / BACKUP, layout.database / "cluster"
    if not (folder / _BASE / "PG_VERSION").exists():
        raise LocalError(LocalReason.NO_BACKUP, f"{folder} holds no backup; `make backup` makes one")
    made = datetime.fromtimestamp((folder / _BASE / "backup_label").stat().st_mtime, UTC)
    if to < made:
        raise LocalError(LocalReason.NO_BACKUP, f"the backup is of {made:%Y-%m-%dT%H:%M:%SZ}, after {to.isoformat()}")
    # The newest segments were not complete yet, so the log's folder does not have them.
    for segment in (cluster / "pg_wal").glob("[0-9A-F]" * 24):
        if not (folder / _LOG / segment.name).exists():
            shutil.copy2(segment, folder / _LOG / segment.name)
    before = folder / _BEFORE
    shutil.rmtree(before, ignore_errors=True)
    cluster.rename(before)
    shutil.copytree(folder / _BASE, cluster, symlinks=True)
    (cluster / "recovery.signal").touch()
    with (cluster / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write(
            f"restore_command = 'cp \"{folder / _LOG}/%f\" \"%p\"'\nrecovery_target_time = '{to.isoformat()}'\n"
            "recovery_target_action = 'promote'\n"
        )
    give_away_all(cluster)
    cluster.chmod(0o700)
    print(f"the next `make up` brings the database to {to.isoformat()}; what it was is in {before}")
    return 0


def keeps_log(database: Path) -> dict[str, str]:
    """Settings of a server that keeps its log once there is a backup, and throws it away before."""
    log = database / BACKUP / _LOG
    return {
        "archive_mode": "on",
        "archive_command": f'test ! -d "{log}" || (cp "%p" "{log}/%f.part" && mv "{log}/%f.part" "{log}/%f")',
    }


def _run(command: list[str], *, reach: Path, password: str, what: str) -> None:
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "PGPASSWORD": password}
    done = subprocess.run(
        unprivileged(command, reach=reach), env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalError(LocalReason.NOT_READY, f"{what}: {done.stderr.strip()}")
