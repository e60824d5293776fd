"""The local database goes back to a second: a real server, a real copy, its log."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from local.aws.endpoints import ROOT
from local.backup import backup, keeps_log, restore
from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.postgres import Postgres
from local.running import note_running


def test_the_database_is_as_it_was_at_a_moment_after_its_backup_and_what_it_was_is_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    port = layout.ports().database
    log = layout.log("postgres")
    with Postgres(layout.database, log=log, port=port, settings=keeps_log(layout.database)) as server:
        note_running(layout, url="http://127.0.0.1:1")
        _run(server, "CREATE TABLE notes (text text)", "INSERT INTO notes VALUES ('before the backup')")
        assert not (layout.database / "backup").exists(), "no log is kept before there is a backup"
        assert backup(layout.root) == 0
        _run(server, "INSERT INTO notes VALUES ('after the backup')")
        time.sleep(1.1)
        moment = datetime.now(UTC)
        time.sleep(1.1)
        _run(server, "DELETE FROM notes", "INSERT INTO notes VALUES ('a mistake')")
        with pytest.raises(LocalError, match="make down") as refused:
            restore(layout.root, moment)
        assert refused.value.reason is LocalReason.ALREADY_RUNNING
    layout.running.unlink()
    with pytest.raises(LocalError, match="the backup is of"):
        restore(layout.root, moment - timedelta(days=1))
    assert restore(layout.root, moment) == 0
    with Postgres(layout.database, log=log, port=port, settings=keeps_log(layout.database)) as server:
        with psycopg.connect(server.address.url(), autocommit=True) as connection:
            found = connection.execute("SELECT text FROM notes ORDER BY text").fetchall()
            assert found == [("after the backup",), ("before the backup",)]
            deadline = time.monotonic() + 60
            while connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
                assert time.monotonic() < deadline, "it can be written again"
                time.sleep(0.1)
        _run(server, "INSERT INTO notes VALUES ('life goes on')")
    assert (layout.database / "backup" / "before-restore" / "PG_VERSION").exists()


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_without_a_platform_or_a_backup_it_says_what_to_do(tmp_path: Path, command: str) -> None:
    arguments = [command, "--data", str(tmp_path), *(["--to", "2026-01-01T00:00:00Z"] if command == "restore" else [])]
    done = subprocess.run(
        [sys.executable, "-m", "local", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert ("make up" if command == "backup" else "make backup") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_moment_without_a_time_zone_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local", "restore", "--data", str(tmp_path), "--to", "2026-01-01T00:00:00"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "say the time zone" in done.stderr


def _run(server: Postgres, *statements: str) -> None:
    with psycopg.connect(server.address.url(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
