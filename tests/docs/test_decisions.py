"""Decisions: each page answers the same questions, and the index has them all."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.docs
FOLDER = ROOT / "docs" / "decisions"
DECISIONS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_what_was_asked_decided_why_its_price_and_when_to_look_again(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^\*\*(Question|Decision|Why|Price|Look again)", text, re.MULTILINE) == [
        "Question",
        "Decision",
        "Why",
        "Price",
        "Look again",
    ]


def test_the_index_has_every_decision_once() -> None:
    listed = re.findall(
        r"^\| \[[^]]+\]\(([a-z-]+\.md)\)", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(listed) == [page.name for page in DECISIONS]
