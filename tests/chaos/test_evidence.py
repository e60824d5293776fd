"""What `make evidence` makes of what it saw: times, timelines, broken promises; docs/evidence.md as figures say."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos import pages
from chaos.evidence import page
from chaos.evidence.cases import all_cases, letters, sessions, web, worker
from chaos.evidence.image import Story
from chaos.evidence.notes import FAILED, IN, OUT, PASSED, first, read_notes
from chaos.evidence.pictures import spans_of
from chaos.evidence.spread import middle_one, spread
from chaos.evidence.users import Asked
from chaos.field import wait_until
from chaos.relay.balancer import ANSWERED_BY, LOOPBACK
from chaos.shoot import Shoot
from local.aws.endpoints import ROOT
from local.ports import free_port, is_open


def test_a_time_is_told_as_its_median_with_the_shortest_and_the_longest() -> None:
    assert spread([3.0, 1.04, 2.0]) == "2.0 s (1.0 to 3.0)"
    assert spread([2.0]) == "2.0 s"
    assert spread([]) == "–"
    assert middle_one([9.0, 1.0, 5.0, 4.0]) == 3


def test_notes_of_a_balancer_are_read_although_the_last_is_not_whole_yet(tmp_path: Path) -> None:
    log = tmp_path / "balancer.log"
    whole = [{"at": 1.0, "port": 80, "what": OUT}, {"at": 2.0, "port": 81, "what": OUT}]
    log.write_text("\n".join([*map(json.dumps, whole), "Traceback", '{"at": 3.0, "po']))
    notes = read_notes(log)
    assert [(note.at, note.port, note.what) for note in notes] == [(1.0, 80, OUT), (2.0, 81, OUT)]
    assert first(notes, OUT, port=81, since=0.0) == 2.0
    assert first(notes, OUT, port=80, since=1.5) is None


def test_questions_are_counted_by_the_moment_of_asking_and_by_who_answered() -> None:
    asked = [
        Asked(at=9.9, until=10.0, port=1, result="200"),
        Asked(at=10.1, until=10.2, port=2, result="200"),
        Asked(at=10.1, until=10.2, port=None, result="502"),
        Asked(at=10.2, until=10.3, port=None, result="ReadError"),
    ]
    assert web.bins_of(asked, killed=10.0, port=1) == [[-0.25, 1, 0, 0], [0.0, 0, 1, 2]]
    assert [each.failed for each in asked] == [False, False, True, True]


def test_an_image_is_told_by_its_changes_each_with_the_latest_lease_that_it_had_then() -> None:
    story = Story(Shoot(names=[], began_at=0.0))
    for status, attempts, lease_until in [
        ("pending", 0, None), ("processing", 1, 10.0), ("processing", 1, 13.3), ("processing", 2, 23.5),
    ]:  # fmt: skip
        row = {"image": "1", "status": status, "attempts": attempts, "lease_until": lease_until}
        story.note({**row, "code": None, "settled": None})
    assert [(seen.attempts, seen.lease_until) for seen in story.seen] == [(0, None), (1, 13.3), (2, 23.5)]


WEB_RUN: dict[str, Any] = {
    "first_failed_check": 1.0,
    "out": 3.0,
    "started": 1.2,
    "healthy": 5.0,
    "in": 6.0,
    "failed_outside": 0,
    "answered_by_others": 9,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"out": None}, "not out of rotation"),
        ({"in": 4.0}, "not out of rotation"),
        ({"failed_outside": 2}, "2 requests failed before the kill or after"),
        ({"answered_by_others": 0}, "no other task answered"),
    ],
)
def test_a_kill_of_a_web_task_says_which_promise_it_broke(change: dict[str, Any], said: str | None) -> None:
    broken = web.broken_by(WEB_RUN | change)
    assert len(broken) == bool(said)
    assert not said or said in broken[0]


WORKER_RUN = {"lease_over": 9.5, "again": 9.9, "attempts": 2, "status": "completed"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"status": "failed"}, "ended as failed"),
        ({"attempts": 3}, "3 tries instead of two"),
        ({"again": 4.0}, "before its lease was over (9.5 s)"),
    ],
)
def test_a_kill_of_a_worker_says_which_promise_it_broke(change: dict[str, Any], said: str | None) -> None:
    broken = worker.broken_by(WORKER_RUN | change)
    assert len(broken) == bool(said)
    assert not said or said in broken[0]


LIFE: dict[str, Any] = {
    "tries": [{"at": 0.0, "killed": 0.5}, {"at": 10.0, "killed": 10.4}, {"at": 20.0, "killed": 20.4}],
    "dead_letter": 30.0,
    "failed": {"at": 41.0, "code": "worker_lost"},
    "letter": {"body": "image_id, job_id", "attributes": {}},
    "redriven": {"at": 42.0, "begun": 42.5, "done": 43.0, "status": "completed", "job": "completed"},
    "letters_left": 0,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"tries": LIFE["tries"][:2]}, "2 tries instead of 3"),
        ({"tries": [*LIFE["tries"], {"at": 30.0, "killed": None}]}, None),
        ({"tries": [*LIFE["tries"], {"at": 30.0, "killed": 30.1}]}, "4 tries instead of 3"),
        ({"failed": {"at": 1.0, "code": "damaged"}}, "failed as damaged"),
        ({"dead_letter": None}, "never came to the dead-letter queue"),
        ({"redriven": LIFE["redriven"] | {"status": "failed"}}, "after the redrive it ended as failed"),
        ({"letters_left": 1}, "1 dead letters were left"),
    ],
)
def test_the_life_of_a_message_says_which_promise_it_broke(change: dict[str, Any], said: str | None) -> None:
    broken = letters.broken_by(LIFE | change, max_receives=3, name="worker")
    assert len(broken) == bool(said)
    assert not said or said in broken[0]


def test_a_dead_letter_that_a_worker_sends_carries_the_reason_of_the_row() -> None:
    life = LIFE | {"failed": {"at": 1.0, "code": "out_of_memory"}}
    (broken,) = letters.broken_by(life, max_receives=3, name="decoder")
    assert "its dead letter says {}" in broken
    carried = {"letter": {"body": "", "attributes": {"reason_code": "out_of_memory"}}}
    assert not letters.broken_by(life | carried, max_receives=3, name="decoder")


def test_a_message_is_in_one_place_at_a_time_from_its_first_receive_to_its_end() -> None:
    rows = spans_of(LIFE)
    spans = sorted((begin, end) for row in rows.values() for begin, end, _ in row)
    assert spans[0][0] == 0.0
    assert spans[-1][1] == LIFE["redriven"]["done"]
    for (_, end), (begin, _) in pairwise(spans):
        assert end <= begin
    assert rows["dead letter"] == [(30.0, 42.0, rows["dead letter"][0][2])]


def test_a_request_that_is_answered_otherwise_than_promised_is_named() -> None:
    row = {"browser": "first", "request": "GET /jobs/", "task": "web-2", "result": "signed in", "wanted": "signed out"}
    assert sessions.broken_by([row, row | {"wanted": "signed in"}, row | {"wanted": ""}]) == [
        "GET /jobs/, first browser, web-2: signed in instead of signed out"
    ]


@contextmanager
def task(port: int) -> Iterator[None]:
    """A web task that answers everything with 200."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((LOOPBACK, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def test_the_balancer_says_who_answered_and_when_a_task_left_and_came_back(tmp_path: Path) -> None:
    port, stays, dies = free_port(), free_port(), free_port()
    log = tmp_path / "balancer.log"
    command = [sys.executable, "-m", "chaos.relay.balancer", str(port), str(stays), str(dies)]

    def said() -> list[str]:
        return [note.what for note in read_notes(log) if note.port == dies]

    with task(stays), log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output) as balancer:
        try:
            with task(dies):
                wait_until(lambda: is_open(port), within_s=60, what="the balancer listens")
                answers = [httpx.get(f"http://{LOOPBACK}:{port}/") for _ in range(4)]
                assert {answer.headers[ANSWERED_BY] for answer in answers} == {str(stays), str(dies)}
                assert {answer.text for answer in answers} == {"ok"}
            wait_until(lambda: said() == [FAILED, OUT], within_s=60, what="the task leaves")
            left = {httpx.get(f"http://{LOOPBACK}:{port}/").headers[ANSWERED_BY] for _ in range(4)}
            assert left == {str(stays)}
            with task(dies):
                wait_until(lambda: said() == [FAILED, OUT, PASSED, IN], within_s=60, what="it comes back")
        finally:
            balancer.terminate()


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return pages.load(page.DATA)


@pytest.mark.docs
def test_page_and_pictures_are_as_the_figures_make_them(figures: dict[str, Any]) -> None:
    for name, content in page.made(figures, page.PAGE.read_text(encoding="utf-8")).items():
        committed = (pages.DOCS / name).read_text(encoding="utf-8")
        assert committed == content, f"docs/{name}: run `make evidence`, or do not write between the marks"


@pytest.mark.docs
def test_every_table_has_its_place_in_the_page(figures: dict[str, Any]) -> None:
    blocks = pages.marked(page.PAGE.read_text(encoding="utf-8"), by=pages.EVIDENCE)
    assert sorted(blocks) == sorted([*(table.block for table in page.shown(figures)), "machine", "times"])


@pytest.mark.docs
def test_the_page_is_of_runs_that_kept_every_promise_and_tried_every_case(figures: dict[str, Any]) -> None:
    assert set(figures["cases"]) == {each.name for each in all_cases()}
    assert page.broken(figures) == []
