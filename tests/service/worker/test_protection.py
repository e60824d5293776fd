"""ECS task protection, against an agent of the tests' own."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.worker.loop import Loop
from service.worker.protection import Protection
from tests.service.worker.conftest import FAKE, Farm
from tests.waiting import wait_until


class Agent(ThreadingHTTPServer):
    """Answers as the ECS agent does and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.answer: dict[str, Any] = {"protection": {"ProtectionEnabled": True}}

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/task"


class _Handler(BaseHTTPRequestHandler):
    server: Agent

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        answer = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def agent() -> Iterator[Agent]:
    server = Agent()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def tell(loop: Loop, protection: Protection, *, busy: bool, asked: int, agent: Agent) -> None:
    """Say so until the agent was asked so often and its answer is in."""
    end_s = time.monotonic() + 20
    while len(agent.asked) < asked or protection._asking:
        protection.want(busy)
        loop.turn(0.01)
        assert time.monotonic() < end_s, f"the agent was asked {len(agent.asked)} times, not {asked}"


def test_a_task_is_protected_at_the_edges_and_only_there(agent: Agent) -> None:
    loop = Loop()
    protection = Protection(loop, agent.uri)
    for number, busy in enumerate((True, False, True), start=1):
        tell(loop, protection, busy=busy, asked=number, agent=agent)
        for _ in range(20):
            protection.want(busy)
            loop.turn(0.001)
    assert {path for path, _ in agent.asked} == {"/api/task/task-protection/v1/state"}
    assert [body["ProtectionEnabled"] for _, body in agent.asked] == [True, False, True]
    assert agent.asked[0][1]["ExpiresInMinutes"] >= 1


def test_protection_is_renewed_while_the_work_lasts(agent: Agent) -> None:
    loop = Loop()
    tell(loop, Protection(loop, agent.uri, renew_s=0.05), busy=True, asked=3, agent=agent)
    assert [body["ProtectionEnabled"] for _, body in agent.asked] == [True] * 3


@pytest.mark.parametrize(
    ("status", "answer"), [(500, {}), (200, {"failure": {"Reason": "DEPLOYMENT_BLOCKED"}}), (400, {"error": "x"})]
)
def test_a_refusal_is_tried_again_and_never_raised(agent: Agent, status: int, answer: dict[str, Any]) -> None:
    loop = Loop()
    protection = Protection(loop, agent.uri)
    agent.status, agent.answer = status, answer
    tell(loop, protection, busy=True, asked=2, agent=agent)
    agent.status, agent.answer = 200, {"protection": {}}
    tell(loop, protection, busy=True, asked=3, agent=agent)
    assert protection._told


def test_outside_ecs_nothing_is_asked_of_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop()
    monkeypatch.setattr(loop, "run", lambda *_: pytest.fail("somebody was asked"))
    Protection(loop, None).want(True)


def test_a_worker_is_protected_while_it_works_and_free_when_it_is_idle(farm: Farm, agent: Agent) -> None:
    job = farm.scripts("sleep 1", "ok")
    worker = farm.worker(function=FAKE, environment={"ECS_AGENT_URI": agent.uri})
    wait_until(lambda: job.ended, what="the job")
    wait_until(lambda: len(agent.asked) >= 2, what="the second question")
    assert worker.stop() == 0
    assert [body["ProtectionEnabled"] for _, body in agent.asked] == [True, False]


def test_a_worker_whose_agent_is_away_works_all_the_same(farm: Farm) -> None:
    job = farm.scripts("ok")
    worker = farm.worker(function=FAKE, until_empty=True, environment={"ECS_AGENT_URI": "http://127.0.0.1:1/"})
    assert worker.process.wait(60) == 0
    assert job.statuses() == ["completed"]
    assert worker.events("task_protection_failed")
