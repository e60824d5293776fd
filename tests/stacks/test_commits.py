"""Assemblies of commits: made from the commit's own files, once, or refused in one line; and reviewed."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.assembly import load_assembly
from audit.review.compare import compare
from stacks import commits, review
from stacks.commits import CommitError, assemblies_here, assemblies_of, commit_of, files_of, synthesize_files

APP = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--output") + 1], "prod")
folder.mkdir(parents=True)
(folder / "manifest.json").write_text("{}")
(folder / "made-by").write_text("VERSION")
with open(os.environ["RUNS"], "a") as file:
    file.write("VERSION ")
assert "PYTHONPATH" not in os.environ
"""
GIT = shutil.which("git") or "git"
Commit = Callable[[str | None], str]


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """A repository, and a way to commit an app to it, or to remove the app."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setattr(commits, "ROOT", root)
    monkeypatch.setattr(review, "ROOT", root)
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run([GIT, *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def made(app: str | None) -> str:
        (root / "app.py").unlink(missing_ok=True)
        if app is not None:
            (root / "app.py").write_text(app)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "--message", "m")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    return made


def runs(folder: Path) -> list[str]:
    path = folder / "runs"
    return path.read_text().split() if path.exists() else []


def test_a_commit_is_synthesized_from_its_own_files_and_only_once(tmp_path: Path, commit: Commit) -> None:
    first = commit(APP.replace("VERSION", "1"))
    commit(APP.replace("VERSION", "2"))
    for revision in (first, "HEAD~1", "HEAD", first, "HEAD"):
        folder = assemblies_of(revision, kept=tmp_path / "kept")
        assert (folder / "prod" / "made-by").read_text() == ("2" if revision == "HEAD" else "1")
    assert runs(tmp_path) == ["1", "2"]


def test_what_is_not_committed_is_in_the_working_files_only(tmp_path: Path, commit: Commit) -> None:
    commit(APP.replace("VERSION", "1"))
    (tmp_path / "repository" / "app.py").write_text(APP.replace("VERSION", "mine"))
    here = assemblies_here(tmp_path / "here")
    assert (here / "prod" / "made-by").read_text() == "mine"
    assert (assemblies_of("HEAD", kept=tmp_path / "kept") / "prod" / "made-by").read_text() == "1"


@pytest.mark.parametrize(
    ("app", "why"), [(None, "allowed a commit with an app.py"), ("exit(3)", "allowed a commit that synthesizes")]
)
def test_a_commit_that_makes_no_templates_is_refused_and_leaves_nothing(
    tmp_path: Path, commit: Commit, app: str | None, why: str
) -> None:
    commit(app)
    with pytest.raises(CommitError, match=why):
        assemblies_of("HEAD", kept=tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("revision", ["nonsense", "HEAD~9", "--output=x", ""])
def test_what_is_no_commit_is_refused(commit: Commit, revision: str) -> None:
    commit(APP)
    with pytest.raises(CommitError, match=r"BASE: value .*: allowed a commit of this repository"):
        commit_of(revision)


def test_a_shallow_clone_is_told_how_to_get_its_history(
    tmp_path: Path, commit: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(APP)
    commit(APP)
    shallow = tmp_path / "shallow"
    origin = f"file://{tmp_path / 'repository'}"
    subprocess.run([GIT, "clone", "--quiet", "--depth", "1", origin, str(shallow)], check=True)
    monkeypatch.setattr(commits, "ROOT", shallow)
    with pytest.raises(CommitError, match="git fetch --unshallow"):
        commit_of("HEAD~1")


def test_old_assemblies_are_forgotten(tmp_path: Path, commit: Commit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "_LATEST", 2)
    ids = [commit(APP.replace("VERSION", str(number))) for number in range(4)]
    for revision in ids:
        assemblies_of(revision, kept=tmp_path / "kept")
    left = {path.name.partition("-")[0] for path in (tmp_path / "kept").iterdir()}
    assert len(left) == 2
    assert ids[-1] in left


def test_a_wrong_base_ends_with_2_and_one_line(commit: Commit, capfd: pytest.CaptureFixture[str]) -> None:
    commit(APP)
    assert review.main(["--base", "nonsense"]) == 2
    assert capfd.readouterr().err == "BASE: value 'nonsense': allowed a commit of this repository\n"


def test_a_commit_of_this_repository_is_reviewed_as_what_it_did(tmp_path: Path) -> None:
    """It took a task definition, of which every deployment makes another revision, out of what stacks share."""
    change = "8940eaa031"
    asked = [GIT, "cat-file", "-e", f"{change}~1^{{commit}}"]
    if subprocess.run(asked, cwd=commits.ROOT, check=False, capture_output=True).returncode != 0:
        pytest.skip("this clone does not have the commit")
    sides = []
    for name, revision in (("base", f"{change}~1"), ("head", change)):
        files_of(revision, tmp_path / name)
        assert synthesize_files(tmp_path / name, tmp_path / f"{name}-made", "prod")
        sides.append(load_assembly(tmp_path / f"{name}-made" / "prod"))
    found = compare("prod", *sides)
    assert [(change.effect.value, change.path) for change in found.resources] == [("added", "Observability/Names")]
    (refused,) = found.deadlocks
    assert (refused.stack, refused.importers) == ("Workers", ("Observability",))
    assert refused.removed == ("ExportsOutputRefMaintenanceTaskDefinition2CFDC4F86B6226B3",)
    nothing = (found.losses, found.paths, found.permissions, found.points, found.alarms, found.cost, found.blind)
    assert not any(nothing)


def test_it_runs_with_the_interpreter_of_this_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stacks.review", "--help"], cwd=commits.ROOT, check=True, capture_output=True, text=True
    )
    assert "--base" in done.stdout
