"""The web task as a container runs it: `python -m service web` under gunicorn, asked over sockets and told to stop."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.ports import free_port
from service.api.bodies import MAX_BODY_BYTES

ROOT = Path(__file__).parents[3]
START_S = 60
STOP_S = 60


@dataclass
class Web:
    """A running web task."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def stop(self) -> int:
        """Sends SIGTERM and waits; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


@pytest.fixture
def web(service_environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    """Started on a free port and healthy."""
    with running("-m", "service", "web", environment=service_environment, at=tmp_path) as started:
        yield started


@contextmanager
def running(*command: str, environment: dict[str, str], at: Path) -> Iterator[Web]:
    """What a command of Python's starts, on a free port and healthy."""
    port = free_port()
    log = at / "web.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **environment, "RAWMILL_PORT": str(port)},
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    started = Web(process, f"http://127.0.0.1:{port}", log)
    try:
        deadline = time.monotonic() + START_S
        while not _healthy(started):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield started
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _manage(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "service", "manage", *command],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def _healthy(web: Web) -> bool:
    try:
        return httpx.get(f"{web.url}/health/").status_code == 200
    except httpx.TransportError:
        return False


def test_it_answers_and_ends_at_once_when_no_load_balancer_watches_it(web: Web) -> None:
    assert httpx.get(f"{web.url}/v1/jobs").json()["code"] == "unauthenticated"
    assert web.stop() == 0, web.log.read_text()


def test_watched_by_a_load_balancer_it_says_no_and_serves_on_until_told_again(web: Web) -> None:
    balancer = {"User-Agent": "ELB-HealthChecker/2.0", "Host": "10.0.11.7"}
    assert httpx.get(f"{web.url}/health/", headers=balancer).status_code == 200
    web.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while (health := httpx.get(f"{web.url}/health/", headers=balancer)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert health.json()["code"] == "not_ready"
    assert httpx.get(f"{web.url}/v1/jobs").status_code == 401, "a leaving task still serves"
    assert web.stop() == 0, "the second SIGTERM ends the wait"


def test_an_event_stream_ends_when_the_task_leaves(web: Web, service_environment: dict[str, str]) -> None:
    _manage(service_environment, "tenants", "create", "acme", "--name", "Acme")
    token = _manage(service_environment, "api_keys", "create", "acme", "--name", "test").strip()
    key = {"Authorization": f"Bearer {token}"}
    body = {"recipe": "default", "files": [{"name": "a.dng", "size_bytes": 5}]}
    job = httpx.post(f"{web.url}/v1/jobs", json=body, headers=key).json()
    with httpx.stream("GET", f"{web.url}/v1/jobs/{job['job_id']}/events", headers=key, timeout=STOP_S) as events:
        lines = events.iter_lines()
        while not next(lines).startswith("event: job"):
            pass
        web.process.send_signal(signal.SIGTERM)
        for _ in lines:  # ends by itself
            pass
    assert web.process.wait(STOP_S) == 0


def test_a_request_under_way_is_answered_when_the_task_is_stopped(web: Web) -> None:
    host, port = web.url.removeprefix("http://").split(":")
    body = b'{"recipe": "default", "files": []}'
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /v1/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer nobody\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + body[:10])
        stopping = threading.Timer(0.2, web.process.send_signal, [signal.SIGTERM])
        stopping.start()
        stopping.join()
        time.sleep(0.3)
        connection.sendall(body[10:])
        connection.settimeout(STOP_S)
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")
    assert web.process.wait(STOP_S) == 0


AMBIGUOUS = (
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\nGET /health/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("Transfer-Encoding: xchunked\r\nContent-Length: 4", b"abcd"),
    ("Content-Length: 5\r\nContent-Length: 6", b"abcdef"),
    ("Content-Length: +5", b"abcde"),
    ("Content-Length: 5, 5", b"abcde"),
    ("Content-Length : 5", b"abcde"),
    ("Content-Length: 0\r\n X-Folded: yes", b""),
    ("X-Bad\x00Name: 1\r\nContent-Length: 0", b""),
)
"""Heads, and what follows them, that a proxy and we could read differently."""
TOO_MUCH = (
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Many: 1\r\n" * 100 + b"\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    b"GET /v1/jobs HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
"""Heads that are too long, too many, for another host, or none."""


def test_no_request_hides_in_another_and_none_that_is_too_much_is_served(web: Web) -> None:
    for head, body in AMBIGUOUS:
        answers = exchange(web, f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode() + body)
        assert 400 <= int(answers.split()[1]) < 600, (head, answers)
        assert answers.count(b"HTTP/1.1 ") == 1, (head, answers)
    for request in TOO_MUCH:
        answers = exchange(web, request)
        assert not answers or 400 <= int(answers.split()[1]) < 600, (request[:80], answers[:200])
    assert _healthy(web)


def test_requests_in_one_packet_and_in_pieces_of_a_byte_are_answered_in_their_order(web: Web) -> None:
    body = b'{"recipe": "default", "files": []}'
    post = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    )
    requests = (
        b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        post % (len(body), body),
        post % (MAX_BODY_BYTES + 1, b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    )
    expected = [b"200", b"401", b"413"]  # and nothing after it: what follows is a body that nobody reads
    for pieces in (requests, (b"".join(requests),), [bytes([each]) for each in b"".join(requests)]):
        answers = exchange(web, *pieces)
        assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == expected, answers


def exchange(web: Web, *sent: bytes) -> bytes:
    """Everything that comes back until the other side closes or falls silent."""
    host, port = web.url.removeprefix("http://").split(":")
    answers = b""
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(5)
        try:
            for piece in sent:
                connection.sendall(piece)
            while data := connection.recv(65536):
                answers += data
        except OSError:
            pass
    return answers
