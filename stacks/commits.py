"""Cloud assemblies of commits, made offline from their own code and kept: a commit always synthesizes to the same."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "build" / "assemblies"
_LATEST = 20
"""Commits whose assemblies are kept."""


class CommitError(Exception):
    """A commit's assemblies cannot be made. The message says why."""


def commit_of(revision: str, *, name: str = "BASE") -> str:
    """The id of a commit.

    Raises:
        CommitError: this repository has no such commit.
    """
    asked = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode != 0:
        shallow = (ROOT / ".git" / "shallow").exists()
        hint = "; this clone is shallow: git fetch --unshallow" if shallow else ""
        raise CommitError(f"{name}: value {revision!r}: allowed a commit of this repository{hint}")
    return asked.stdout.strip()


def files_of(revision: str, folder: Path, *, name: str = "BASE") -> None:
    """Put the files of a commit into a folder.

    Raises:
        CommitError: this repository has no such commit.
    """
    archive = subprocess.run(
        ["git", "archive", commit_of(revision, name=name)],  # noqa: S607
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    # Of a commit without files git makes an archive that is none.
    with suppress(tarfile.ReadError), tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def synthesize_files(folder: Path, output: Path, *environments: str) -> bool:
    """Run the app of a source tree; whether it wrote its assemblies."""
    command = [sys.executable, "app.py", *environments, "--output", str(output)]
    return subprocess.run(command, cwd=folder, env=_own_code(), check=False).returncode == 0


def assemblies_of(revision: str, *, name: str = "BASE", kept: Path = KEPT) -> Path:
    """The folder with the assembly of every environment of a commit, made now unless it was before.

    Raises:
        CommitError: there is no such commit, or it does not synthesize.
    """
    commit = commit_of(revision, name=name)
    # The code is the commit's, the libraries are those that are installed.
    folder = kept / f"{commit}-{version('aws-cdk-lib')}"
    if folder.is_dir():
        os.utime(folder)
        return folder
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept, prefix=".") as scratch:
        tree, made = Path(scratch, "tree"), Path(scratch, "made")
        files_of(commit, tree, name=name)
        if not (tree / "app.py").is_file():
            raise CommitError(f"{name}: value {revision!r}: allowed a commit with an app.py, which makes the templates")
        if not synthesize_files(tree, made):
            raise CommitError(f"{name}: value {revision!r}: allowed a commit that synthesizes")
        try:
            made.rename(folder)
        except OSError:
            # Somebody else was faster; theirs is the same.
            if not folder.is_dir():
                raise
    _forget(kept)
    return folder


def assemblies_here(folder: Path) -> Path:
    """The assemblies of the files as they are now, in a folder that is made anew.

    Raises:
        CommitError: they do not synthesize.
    """
    if not synthesize_files(ROOT, folder):
        raise CommitError("HEAD: the files as they are now do not synthesize")
    return folder


def _forget(kept: Path) -> None:
    """Remove what was not asked for lately."""
    folders = sorted((path for path in kept.iterdir() if path.name[0] != "."), key=lambda path: path.stat().st_mtime)
    for path in folders[:-_LATEST]:
        shutil.rmtree(path, ignore_errors=True)


def _own_code() -> dict[str, str]:
    """This shell's environment, without what would lead to other code than that of the folder."""
    return {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "CDK_OUTDIR"}}
