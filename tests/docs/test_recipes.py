"""CONTRIBUTING.md's recipes, followed: each change is made in a copy of the project, each command run there."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page

pytestmark = [pytest.mark.docs, pytest.mark.platform]
PAGE = Page(ROOT / "CONTRIBUTING.md")
RECIPES = {
    title: body
    for title, body in re.findall(r"^## (Add .+?)\n(.*?)(?=^## |\Z)", PAGE.text, re.DOTALL | re.MULTILINE)
    if "```diff" in body
}


@pytest.fixture
def copy() -> Iterator[Path]:
    """The project's files as they are now, over the virtual environments and packages that are there."""
    with tempfile.TemporaryDirectory(prefix="rawmill-recipe-") as name:
        folder = Path(name)
        # PostgreSQL runs as a user who may pass neither pytest's folders nor this one as it is made.
        folder.chmod(0o755)
        _copy_to(folder)
        yield folder


def _copy_to(folder: Path) -> None:
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, folder / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in (".venv", ".venv-aws", "node_modules", "processor/_kernels"):
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())


@pytest.mark.timeout(900)
@pytest.mark.parametrize("title", RECIPES)
def test_whoever_follows_a_recipe_gets_there(title: str, copy: Path) -> None:
    for kind, body in re.findall(r"^```(diff|sh)\n(.*?)^```$", RECIPES[title], re.DOTALL | re.MULTILINE):
        if kind == "diff":
            _run(["git", "apply", "--recount", "-"], copy, _with_headers(body), f"{title}: the change does not fit")
        else:
            _run(["bash", "-euo", "pipefail", "-c", body], copy, None, f"{title}: {body}")


def test_the_page_has_a_recipe_for_everything_that_is_added_often() -> None:
    assert {"a stage", "a filter", "a stack", "a flow", "an alarm", "an endpoint"} <= {
        title.removeprefix("Add ") for title in RECIPES
    }


def _with_headers(change: str) -> str:
    """The change with the headers that a page leaves out and git needs, to count its lines anew."""

    def header(found: re.Match[str]) -> str:
        new = "new file mode 100644\n" if found[1] == "/dev/null" else ""
        return f"diff --git a/{found[2]} b/{found[2]}\n{new}{found[0]}"

    return re.sub(r"^--- (\S+)\n\+\+\+ b/(\S+)$", header, change, flags=re.MULTILINE)


def _run(command: list[str], folder: Path, given: str | None, what: str) -> None:
    # A pytest in there is not one of this pytest's workers.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        ["/usr/bin/env", *command], cwd=folder, input=given, capture_output=True, text=True, check=False, env=alone
    )
    assert done.returncode == 0, f"{what}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
