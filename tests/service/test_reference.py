"""The page about the service says what the code says."""

import pytest

from service.reference import PAGE, fresh

pytestmark = pytest.mark.docs


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fresh(page), "docs/service.md has fallen behind: run make service-docs"
    assert "`RAWMILL_QUEUE_URL`" in page
    assert "`worker_lost`" in page
    assert "`ImagesFailed`" in page
