"""The page about the service says what the code says."""

import pytest

from service.reference import API_PAGE, PAGE, api_reference, fresh

pytestmark = pytest.mark.docs


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fresh(page), "docs/service.md has fallen behind: run make service-docs"
    assert "`RAWMILL_QUEUE_URL`" in page
    assert "`worker_lost`" in page
    assert "`ImagesFailed`" in page


def test_the_reference_of_the_api_is_its_openapi_document() -> None:
    page = API_PAGE.read_text(encoding="utf-8")
    assert page == api_reference(), "docs/api-reference.md has fallen behind: run make service-docs"
    assert "### `POST /v1/jobs`" in page
    assert "[JobGiven](#jobgiven)" in page
