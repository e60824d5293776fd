"""Modules depend on each other in one direction: between the packages as the house says, and nowhere in a circle.

Every import counts, wherever it stands: inside a function and for types alone, too. Those hide a circle from Python,
not from whoever has to read one module before the other.
"""

import ast
import subprocess
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT: Mapping[str, set[str]] = {
    "app": {"stacks"},
    "audit": set(),
    "bench": {"audit", "client", "local", "processor"},
    "chaos": {"audit", "bench", "client", "local", "processor", "service"},
    "client": set(),
    "image": set(),
    "lambda": set(),
    "local": {"processor", "stacks"},
    "processor": set(),
    "service": {"processor"},
    "stacks": {"app"},
}
"""Packages of ours that each may import, beside itself. Tests may import everything.

`audit` proves the others and shares no code with them; who measures may hold figures against its models. `local` starts
the service as processes, as the cloud does, and reads the settings of the environment that it deploys. What `stacks`
writes of itself, its pictures and its compliance report, it synthesizes through `app`.
"""


def _sources() -> dict[str, Path]:
    """Files of the project, by the name under which Python imports them."""
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def _imported(path: Path) -> Iterator[tuple[str, str]]:
    """What a file imports: a module, and a name in it that may be a module itself."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Modules of ours that each module of ours imports."""
    sources = _sources()
    found: dict[str, set[str]] = {}
    for module, path in sources.items():
        # A function's modules find each other in its own folder.
        beside = f"{module.rpartition('.')[0]}." if path.parts[0] == "lambda" else ""
        wanted = ((f"{beside}{name}", item) for name, item in _imported(path))
        named = {f"{name}.{item}" if f"{name}.{item}" in sources else name for name, item in wanted}
        found[module] = {name for name in named if name in sources} - {module}
    assert "service.jobs.models" in found["service.jobs.records"]
    return found


def test_no_import_leads_back_to_where_it_came_from(imports: Mapping[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        pytest.fail(f"{circle}: move what both sides need into a module of its own")


def test_packages_import_only_what_the_house_lets_them(imports: Mapping[str, set[str]]) -> None:
    for module, others in sorted(imports.items()):
        package = module.partition(".")[0]
        if package == "tests":
            continue
        for other in sorted(others):
            target = other.partition(".")[0]
            allowed = {package} | MAY_IMPORT[package]
            assert target in allowed, f"{module} imports {other}: {package} may import {sorted(allowed)}"
