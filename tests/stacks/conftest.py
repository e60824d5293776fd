"""One synthesis per session, whatever the number of processes: the first to ask makes everything, the others read."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from tests.stacks.configurations import configurations
from tests.stacks.template import Template


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cloud assembly of every configuration."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have folders of their own inside the session's.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "assemblies"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            from app import wire
            from stacks.assembly import write_assembly

            for name, settings in configurations().items():
                write_assembly(settings, wire, folder / name)
    return folder


@pytest.fixture(scope="session")
def template_of(assemblies: Path) -> Callable[[str, str], Template]:
    """The template of a stack in a configuration: `template_of("Data", "prod")`."""

    @cache
    def read(stack: str, configuration: str) -> Template:
        return Template.read(assemblies / configuration / f"{stack}.template.json")

    return read


@pytest.fixture(scope="session")
def templates(assemblies: Path) -> dict[str, Template]:
    """The Network template of every configuration."""
    return {
        folder.name: Template.read(folder / "Network.template.json")
        for folder in sorted(assemblies.iterdir())
        if folder.is_dir()
    }


@pytest.fixture(params=sorted(configurations()))
def template(request: pytest.FixtureRequest, templates: dict[str, Template]) -> Template:
    """The Network template of one configuration after the other."""
    return templates[request.param]


@pytest.fixture
def prod(templates: dict[str, Template]) -> Template:
    """The Network template of production."""
    return templates["prod"]


@pytest.fixture
def prod_file(tmp_path: Path) -> Path:
    """A copy of production's settings in a folder of its own, to be spoilt."""
    folder = tmp_path / "environments"
    folder.mkdir()
    path = folder / "prod.toml"
    original = Path(__file__).resolve().parents[2] / "environments" / "prod.toml"
    path.write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
    return path
