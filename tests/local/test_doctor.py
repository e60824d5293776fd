"""The doctor: what it says of machines that lack something, and that it runs where nothing is installed."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import doctor
from local.doctor import ROOT, Finding, report

SOURCE = Path(doctor.__file__)


def _run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The doctor over a copy of its file alone, as in a checkout where nothing has been set up."""
    package = folder / "local"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "doctor.py").write_text(SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "local.doctor"],
        cwd=folder,
        env={"HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_imports_nothing_that_has_to_be_installed_and_can_be_read_by_an_old_python() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_without_a_package_index_it_says_so_and_fails(tmp_path: Path) -> None:
    done = _run(
        tmp_path,
        PATH=os.environ["PATH"],
        PIP_INDEX_URL="http://127.0.0.1:9/",
        PIP_RETRIES="0",
        PIP_CONFIG_FILE=os.devnull,
    )
    assert done.returncode == 1, done.stdout
    assert "make demo and make test cannot work here yet: a package index" in done.stdout
    assert "pip config set global.index-url" in done.stdout


def test_what_only_some_commands_need_is_named_with_them_and_does_not_fail(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".up-to-date").touch()
    done = _run(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
    without = [line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("without")]
    assert ["a", "Docker"] in without
    assert ["Chromium", "make"] in without
    assert "apt-get install git" in done.stdout


def test_every_command_that_it_names_is_a_target() -> None:
    listed = subprocess.run(["/usr/bin/env", "make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    known = {line.split()[0] for line in listed.stdout.splitlines() if line.strip()}
    named = {target for found in doctor.findings() for target in re.findall(r"make ([a-z-]+)", found.needed_for)}
    assert named
    assert named - known == set()


@pytest.mark.parametrize(
    ("remedy", "required", "mark"), [("", True, "ok"), ("x", True, "MISSING"), ("x", False, "without")]
)
def test_a_finding_is_marked_by_what_follows_from_it(remedy: str, required: bool, mark: str) -> None:
    found = Finding("a thing", "make all", "none", remedy, required)
    assert report([found]).splitlines()[1].startswith(mark)
