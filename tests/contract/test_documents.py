"""Pages that quote each other say the same."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_readmes_walk_through_is_the_api_pages_which_a_test_runs() -> None:
    """The commands of the API page are run as printed; the README must not drift away from them."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    walk_through = page.partition("<!-- walk-through")[2].partition("-->\n")[2].partition("<!-- end -->")[0].strip()
    assert walk_through.count("```sh") == 5
    assert walk_through in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_page_and_folder_that_a_page_leads_to_is_there() -> None:
    """A link that leads nowhere is the first thing that a newcomer finds."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert missing == []
