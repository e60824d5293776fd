"""Kernels are compiled once for an installation, which may be read-only, and not once for a process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import processor
from processor import demosaic, jit

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from processor import demosaic, jit
assert str(jit.SHIPPED).startswith(sys.argv[1]), jit.SHIPPED
demosaic.warm_up()
print(jit.compiled_here(), len(jit._KERNELS))
"""


def _compiled_by_a_child(tree: Path, home: Path) -> tuple[int, int]:
    """How many of how many kernels a fresh process had to compile."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA")}
    environment |= {"XDG_CACHE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tree)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
    )
    compiled, kernels = run.stdout.split()
    return int(compiled), int(kernels)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the package and its machine code, with other times of modification, in folders that are read-only."""
    demosaic.warm_up()
    tree = tmp_path_factory.mktemp("installation")
    package = tree / "processor"
    shutil.copytree(Path(processor.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in package.rglob("*"):
        os.utime(path, (1, 1))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    yield tree
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)


def test_a_read_only_installation_with_its_machine_code_compiles_nothing(installation: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime for path in installation.rglob("*")}
    compiled, kernels = _compiled_by_a_child(installation, tmp_path / "nothing-here")
    assert kernels >= 3
    assert compiled == 0
    assert not (tmp_path / "nothing-here").exists(), "nothing needed the user's cache"
    # Permissions do not bind the superuser, so the tree itself must show that nobody tried to write.
    assert before == {path: path.stat().st_mtime for path in installation.rglob("*")}


def test_a_changed_source_outdates_the_machine_code_of_every_kernel(installation: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(installation, tree)
    package = tree / "processor"
    for path in [package, *package.rglob("*")]:
        path.chmod(0o755)
    rows = package / "demosaic" / "rows.py"
    rows.write_text(rows.read_text() + "\n# another version\n")
    (package / "unpack" / "ljpeg.py").write_text("# no kernel here: this test need not wait for it\n")
    compiled, kernels = _compiled_by_a_child(tree, tmp_path / "home")
    assert compiled == kernels > 0


def test_an_installation_that_cannot_be_written_keeps_machine_code_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")

    def answer() -> int:
        return 42

    monkeypatch.setattr(jit, "SHIPPED", blocked / "kernels")
    monkeypatch.setattr(jit, "user_folder", lambda: tmp_path / "home")
    monkeypatch.setattr(jit, "_KERNELS", [])
    first = jit.kernel()(answer)
    assert first() == 42
    assert list((tmp_path / "home").glob("*.nbc"))
    again = jit.kernel()(answer)
    assert again() == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_kernels_work_where_nothing_can_be_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")

    def answer() -> int:
        return 43

    monkeypatch.setattr(jit, "SHIPPED", blocked / "kernels")
    monkeypatch.setattr(jit, "user_folder", lambda: blocked / "home")
    monkeypatch.setattr(jit, "_KERNELS", [])
    assert jit.kernel()(answer)() == 43


@pytest.mark.parametrize(
    ("missing", "level"),
    [((), "x86-64-v4"), (("avx512bw",), "x86-64-v3"), (("avx512bw", "fma"), "x86-64-v2"), (("popcnt",), None)],
)
def test_machine_code_is_for_the_highest_level_that_the_cpu_has_in_full(
    missing: tuple[str, ...], level: str | None
) -> None:
    features = {name: name not in missing for _, needed in jit._LEVELS for name in needed}
    assert jit.instruction_level(features) == level
