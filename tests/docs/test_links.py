"""Links: none leads nowhere, and no page is without one."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page, pages

pytestmark = pytest.mark.docs
Pages = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@Pages
def test_every_page_folder_and_heading_that_a_page_leads_to_is_there(page: Page) -> None:
    missing = []
    for link in page.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.path.parent / place) if place else page.path
        if not target.exists():
            missing.append(link)
        elif anchor and target.suffix == ".md" and anchor not in Page(target).anchors:
            missing.append(f"{link}: {place or page.name} has no such heading")
    assert missing == []


def test_every_page_and_picture_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or not path.exists():
            continue
        reached.add(path)
        if path.is_dir():
            waiting += [path / "README.md"]
        elif path.suffix == ".md":
            links = (link.partition("#")[0] for link in Page(path).links if "://" not in link)
            waiting += [(path.parent / link).resolve() for link in links if link]
    lost = [page.name for page in pages() if page.path not in reached]
    pictures = [path for kind in ("svg", "png", "jpg", "webp") for path in (ROOT / "docs").rglob(f"*.{kind}")]
    lost += [str(path.relative_to(ROOT)) for path in pictures if path not in reached]
    assert lost == []
