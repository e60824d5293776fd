"""Recipe files: read as they are, the service judges them."""

import json
from pathlib import Path

import pytest

from client.errors import UsageError
from client.recipes import read_recipe


def test_toml_and_json_give_the_same_settings(tmp_path: Path) -> None:
    settings = {"name": "web", "renditions": [{"name": "4k", "long_edge_px": 3840}]}
    (tmp_path / "web.json").write_text(json.dumps(settings))
    (tmp_path / "web.toml").write_text('name = "web"\n[[renditions]]\nname = "4k"\nlong_edge_px = 3840\n')
    assert read_recipe(tmp_path / "web.json") == read_recipe(tmp_path / "web.toml") == settings


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", b"x: 1", r"a \.toml or \.json file"),
        ("a.toml", b"x = ", "not valid TOML"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[1]", "a table of settings is needed, not list"),
        ("a.toml", b"\xff", "not UTF-8"),
        ("a.toml", b"x = 2026-01-01", "not JSON serializable"),
        ("a.toml", b"x = nan", "not JSON compliant"),
        ("a.json", b"[" * 100_000, "recursion"),
        ("a.json", b" " * 300_000, "more than 262144 bytes"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_with_its_name(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=rf"{name}.*{said}"):
        read_recipe(tmp_path / name)


def test_a_recipe_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_recipe(tmp_path / "none.toml")


def test_the_name_of_a_recipe_of_the_service_goes_as_it_is() -> None:
    assert read_recipe("default") == "default"


def test_a_logo_beside_the_recipe_becomes_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"png bytes")
    (tmp_path / "web.toml").write_text('[watermark]\nlogo = "logo.png"\nopacity = 0.4\n')
    assert read_recipe(tmp_path / "web.toml") == {
        "watermark": {"logo": "data:image/png;base64,cG5nIGJ5dGVz", "opacity": 0.4}
    }


@pytest.mark.parametrize(("logo", "said"), [("none.png", "cannot be read: No such file"), ("l.bmp", "ending in .png")])
def test_a_logo_that_cannot_be_sent_is_said(logo: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "web.toml").write_text(f'[watermark]\nlogo = "{logo}"\n')
    with pytest.raises(UsageError, match=rf"watermark.logo = {logo}: .*{said}"):
        read_recipe(tmp_path / "web.toml")
