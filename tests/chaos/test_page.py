"""docs/reliability.md: as the kept figures make it, with a row for everything that is tried."""

import re

from chaos import pages
from chaos.cli import page
from chaos.drills import all_drills
from chaos.drills.printed import RUNBOOKS, marked
from chaos.suites import all_suites


def test_the_page_is_as_its_figures_make_it() -> None:
    text = pages.PAGE.read_text(encoding="utf-8")
    assert page(pages.load(), text) == text, "run `make chaos`, or do not write between the marks"


def test_everything_that_is_tried_has_a_row_in_the_page() -> None:
    figures = pages.load()["suites"]
    text = pages.PAGE.read_text(encoding="utf-8")
    for suite in all_suites():
        assert suite.name in figures, f"{suite.name} has no figures yet: run `make chaos`"
        blocks = suite.blocks(figures[suite.name])
        assert blocks.keys() <= set(pages.marked(text))
        shown = set(re.findall(r"^\| \[?([^|\]]+?)(?:\]\([^)]*\))? \|", "\n".join(blocks.values()), re.MULTILINE))
        assert set(suite.cases()) <= shown, f"{sorted(set(suite.cases()) - shown)}: no row yet, run `make chaos`"


def test_the_figures_of_the_page_are_of_a_run_that_kept_every_promise() -> None:
    figures = pages.load()["suites"]
    assert [what for suite in all_suites() if suite.name in figures for what in suite.broken(figures[suite.name])] == []


def test_every_drill_finds_its_commands_in_its_runbook() -> None:
    for name, drill in all_drills().items():
        if f"<!-- drill: {name} -->" not in (RUNBOOKS / f"{drill.runbook}.md").read_text(encoding="utf-8"):
            assert name == "redrive", "which types the runbook's own commands"
            continue
        assert marked(drill.runbook, name)
