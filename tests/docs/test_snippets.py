"""Snippets: recipes, settings and code in the pages are what the programs take."""

import ast
import importlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from processor.recipe_io import parse_recipe
from stacks.settings.reference import groups
from tests.docs.pages import Page, pages

pytestmark = pytest.mark.docs
_KEYS = {key.name.replace("network.zones.ZONE", "network.zones.*") for keys in groups().values() for key in keys}
_GROUPS = groups().keys() - {""}
_CLIENT = {"url", "api_key"}


def _snippets(*languages: str) -> list[Any]:
    return [
        pytest.param(body, id=f"{page.name}-{number}")
        for page in pages()
        for number, body in enumerate(page.blocks(*languages), start=1)
    ]


@pytest.mark.parametrize("snippet", _snippets("toml"))
def test_toml_is_a_recipe_a_part_of_an_environment_or_the_client_s_configuration(snippet: str, tmp_path: Path) -> None:
    data = tomllib.loads(snippet)
    if "renditions" in data:
        Image.new("RGBA", (8, 8)).save(tmp_path / "logo.png")
        assert parse_recipe(data, where="the page", folder=tmp_path).renditions
    elif data.keys() <= _GROUPS:
        assert set(_spelled(data)) <= _KEYS
    else:
        assert data.keys() <= _CLIENT


def _spelled(data: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in data.items():
        key = f"{prefix}{'*' if prefix == 'network.zones.' else name}"
        if isinstance(value, dict) and key not in _KEYS:
            yield from _spelled(value, f"{key}.")
        else:
            yield key


@pytest.mark.parametrize("snippet", _snippets("python"))
def test_python_parses_and_imports_what_is_there(snippet: str) -> None:
    for node in ast.walk(ast.parse(snippet)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("snippet", _snippets("json"))
def test_json_is_json(snippet: str) -> None:
    json.loads(snippet.replace("…", "null"))


def test_pages_have_shell_blocks_only_where_something_is_to_be_typed() -> None:
    """A block of the wrong language is neither coloured nor tested."""
    strange = [(page.name, block[:40]) for page in pages() for block in page.blocks("bash", "shell", "zsh")]
    assert strange == []


def test_there_are_snippets_of_each_kind() -> None:
    assert all(_snippets(kind) for kind in ("toml", "python", "json", "sh"))


def test_a_page_is_found_by_its_blocks() -> None:
    page = next(page for page in pages() if page.name == "README.md")
    assert isinstance(page, Page)
    assert any("make demo" in command for command in page.commands)
