"""The evidence page says what was measured, and nothing else."""

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import page
from bench.plots import draw

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def data() -> Any:
    """The figures of the committed page."""
    return json.loads((DOCS / page.DATA).read_text(encoding="utf-8"))


@pytest.mark.docs
def test_the_page_is_what_its_template_makes_of_its_figures(data: Any) -> None:
    written = (DOCS / page.PAGE).read_text(encoding="utf-8")
    assert page.render(data) == written, "docs/parallelism.md was edited or its template changed: run `make bench`"


@pytest.mark.docs
def test_the_plots_show_the_figures_of_the_page(data: Any) -> None:
    for name, svg in draw(data["parts"]).items():
        committed = (DOCS / page.IMAGES / name).read_text(encoding="utf-8")
        assert _words(committed) == _words(svg), f"{name} is not of these figures: run `make bench`"


def _words(svg: str) -> list[str]:
    """All texts in a plot, the numbers at its bars among them."""
    return [text for element in ElementTree.fromstring(svg).iter() if (text := (element.text or "").strip())]  # noqa: S314


def test_every_picture_of_the_page_is_there(data: Any) -> None:
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.render(data))
    assert len(linked) == 5
    assert all((DOCS / link).is_file() for link in linked)


def test_other_figures_make_another_page(data: Any) -> None:
    other = copy.deepcopy(data)
    other["parts"]["race"]["without_lock"]["found"] = 123_456
    assert "123,456" not in page.render(data)
    assert "123,456" in page.render(other)


def test_the_page_admits_that_a_deadlock_did_not_come_about(data: Any) -> None:
    other = copy.deepcopy(data)
    other["parts"]["deadlock"]["bare"]["deadlocked"] = False
    assert "did not come about" in page.render(other)


def test_equal_figures_give_equal_plots(data: Any) -> None:
    assert draw(data["parts"]) == draw(data["parts"])


def test_plots_read_in_light_and_dark(data: Any) -> None:
    for name, svg in draw(data["parts"]).items():
        ElementTree.fromstring(svg)  # noqa: S314
        assert "prefers-color-scheme:dark" in svg, name
        assert not re.search(r"#(010203|040506|070809|131415)", svg), f"{name} has a colour that was not replaced"


def test_every_file_that_the_page_names_is_there(data: Any) -> None:
    named = set(re.findall(r"`(processor/[^`]+)`", page.render(data)))
    assert named
    assert all((DOCS.parent / name).exists() for name in named), named
