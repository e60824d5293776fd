"""The database server: data survive, nothing is left running, and a half-made cluster is made anew."""

import os
import shutil
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from local import postgres
from local.postgres import Postgres


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", log=tmp_path / "log") as server:
        with psycopg.connect(server.address.url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        pid = server.process.pid
    assert not psutil.pid_exists(pid)
    with (
        Postgres(tmp_path / "postgres", log=tmp_path / "log") as server,
        psycopg.connect(server.address.url()) as connection,
    ):
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_server_that_was_killed_hard_recovers_what_was_committed(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres", log=tmp_path / "log")
    with psycopg.connect(server.address.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.killpg(server.process.pid, signal.SIGKILL)
    server.stop()
    with (
        Postgres(tmp_path / "postgres", log=tmp_path / "log") as server,
        psycopg.connect(server.address.url()) as connection,
    ):
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_cluster_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "cluster" / "base"
    half.mkdir(parents=True)
    with (
        Postgres(tmp_path / "postgres", log=tmp_path / "log", durable=False) as server,
        psycopg.connect(server.address.url()) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_the_server_does_not_run_as_root_and_needs_no_folder_above_it_to_be_open(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with Postgres(closed / "postgres", log=tmp_path / "log", durable=False) as server:
        assert psutil.Process(server.process.pid).uids().effective != 0
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_a_project_in_a_folder_that_is_root_s_alone_has_a_server_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = postgres.programs()
    package = installed.parents[1]
    for folder in package.parent.glob(f"{package.name}*"):  # its libraries lie beside it
        shutil.copytree(folder, closed / folder.name, symlinks=True)
    programs = closed / installed.relative_to(package.parent)
    monkeypatch.setattr(postgres, "programs", lambda: programs)
    with Postgres(closed / "postgres", log=tmp_path / "log", durable=False) as server:
        assert psutil.Process(server.process.pid).uids().effective != 0
    assert closed.stat().st_mode & 0o777 == 0o700
