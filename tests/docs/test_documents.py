"""Pages that quote each other say the same."""

import pytest

from tests.docs.pages import ROOT

pytestmark = pytest.mark.docs


def test_the_readmes_walk_through_is_the_api_pages_which_a_test_runs() -> None:
    """The commands of the API page are run as printed; the README must not drift away from them."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    walk_through = page.partition("<!-- walk-through")[2].partition("-->\n")[2].partition("<!-- end -->")[0].strip()
    assert walk_through.count("```sh") == 5
    assert walk_through in (ROOT / "README.md").read_text(encoding="utf-8")
