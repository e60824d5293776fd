"""What the image holds is what the service needs: its code, its packages, and nothing that only people's tools use."""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-service.txt")
OURS = ("processor", "service")
NOT_SHIPPED = {"service.reference"}
"""Modules that `.dockerignore` keeps out, though all others of their package are started by their name."""


def _file(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _names(path: Path, module: str) -> Iterator[str]:
    """Every module that a file names: imports anywhere in it, and strings that are the name of one of ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"(processor|service)(\.\w+)+", str(node.value)):
            yield str(node.value)


@pytest.fixture(scope="module")
def reached() -> dict[str, set[str]]:
    """All modules of ours that a task may load, with what each names."""
    todo = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "service").rglob("*.py")
    } - NOT_SHIPPED
    found: dict[str, set[str]] = {}
    while todo:
        module = todo.pop()
        path = _file(module)
        if path is None or module in found:
            continue
        found[module] = set(_names(path, module))
        parents = {module[: match.start()] for match in re.finditer(r"\.", module)}
        todo |= {name for name in found[module] | parents if name.partition(".")[0] in OURS} - found.keys()
    assert {"processor.pipeline", "processor.batch.worker", "service.worker.child"} <= found.keys()
    return found


def test_tasks_import_only_packages_that_the_image_installs(reached: dict[str, set[str]]) -> None:
    locked = {
        re.sub(r"[-_.]+", "-", name).lower()
        for lock in LOCKS
        for name in re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    }
    providers = packages_distributions()
    for module, names in reached.items():
        for top in {name.partition(".")[0] for name in names} - stdlib_module_names - set(OURS):
            packages = {re.sub(r"[-_.]+", "-", package).lower() for package in providers.get(top, ())}
            assert packages & locked, f"{module} imports {top}, which none of {', '.join(LOCKS)} installs"


def test_every_module_that_a_task_may_load_is_in_the_build_context(reached: dict[str, set[str]]) -> None:
    kept_out = _kept_out()
    for module in reached:
        path = _file(module)
        assert path is not None
        name = path.relative_to(ROOT).as_posix()
        hit = next((rule for rule in kept_out if name == rule or name.startswith(f"{rule}/")), None)
        assert hit is None, f"{module} is loaded by the service, and .dockerignore keeps {hit} out"


def test_what_is_kept_out_of_the_image_exists(reached: dict[str, set[str]]) -> None:
    for rule in _kept_out():
        assert (ROOT / rule).exists() or rule == "processor/_kernels", f".dockerignore names {rule}, which is gone"


def _kept_out() -> list[str]:
    """Paths of ours that .dockerignore names, after letting their folder in."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("/")[0] in OURS]
