"""Reason codes are a contract: pages for people on call know each that can reach them, and say what workers do."""

import re

import pytest

from processor.errors import ReasonCode
from service.jobs.reasons import ServiceReason
from service.worker.endings import UNKNOWN_JOB, UNKNOWN_MESSAGE
from service.worker.policy import PERMANENT, RetryPolicy
from tests.docs.pages import ROOT, Page

pytestmark = pytest.mark.docs

CODES = {code.value for code in (*ReasonCode, *ServiceReason)}
NEVER_OF_A_WORKER = {ServiceReason.CANCELLED, ServiceReason.EXPIRED, ServiceReason.ARCHIVE_FAILED}


def _rows(page: str) -> dict[str, list[str]]:
    """The cells behind each code of the tables that begin with codes."""
    found: dict[str, list[str]] = {}
    for line in Page(ROOT / "docs" / page).text.splitlines():
        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
        found |= dict.fromkeys(re.findall(r"`([a-z_]+)`", first), rest) if line.startswith("| `") else {}
    return found


def test_the_runbook_of_dead_letters_says_what_to_do_for_every_code() -> None:
    assert CODES | {UNKNOWN_JOB, UNKNOWN_MESSAGE, "unknown"} <= _rows("runbooks/dead-letters.md").keys()


def test_the_worker_s_page_says_of_every_code_whether_it_is_tried_again() -> None:
    rows = _rows("worker.md")
    assert rows.keys() >= CODES - NEVER_OF_A_WORKER
    policy = RetryPolicy(max_attempts=3, visibility_timeout_s=900)
    for code in CODES - NEVER_OF_A_WORKER:
        assert (rows[code][-1] == "yes") == (policy.wait_s(code, attempts=1) is not None), code
    assert {code for code, (*_, again) in rows.items() if again == "no"} == {code.value for code in PERMANENT}
