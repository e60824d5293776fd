"""A web task that strangers reach without a load balancer between, and clients that are slow on purpose or by fate."""

import json
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.web.size import THREADS
from tests.service.api.test_server import ROOT, Web, _manage, running
from tests.service.web.entry import PROCESSES

pytestmark = pytest.mark.platform
ENTRY = Path(__file__).with_name("entry.py")

PATIENCE_S = 60
"""Of those who must be served; the machine may be busy."""
SLOW = 4 * THREADS * PROCESSES
"""Connections, four for each thread that there is."""
LIMITS = {"HEAD_S": 3, "TRANSFER_S": 3, "CONNECTIONS": SLOW + THREADS}
"""As in production, but that a test lives to see them. One process alone may get all slow connections."""
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BIG_ANSWERS = b"GET /v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40
"""More than the buffers of a connection hold."""
LAST = b"GET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture
def web(service_environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    """Healthy, and soon at the end of its patience."""
    environment = {**service_environment, "PYTHONPATH": str(ROOT)}
    with running(str(ENTRY), json.dumps(LIMITS), environment=environment, at=tmp_path) as started:
        yield started


class Crowd:
    """Many connections to a web task, and what came back on each."""

    def __init__(self, web: Web, first: bytes, *, reads: bool = True) -> None:
        self.answers: dict[socket.socket, bytes] = {}
        self.ended: set[socket.socket] = set()
        address = ("127.0.0.1", int(web.url.rpartition(":")[2]))
        for _ in range(SLOW):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(PATIENCE_S)
            connection.connect(address)
            connection.sendall(first)
            connection.setblocking(False)
            self.answers[connection] = b""
        self._reads = reads

    def go_on(self) -> None:
        """One byte on each connection that is not closed yet, and what is there to be read."""
        for connection in self.answers.keys() - self.ended:
            try:
                connection.send(b"a")
                while self._reads and (data := connection.recv(65536)):
                    self.answers[connection] += data
                if self._reads:
                    self.ended.add(connection)
            except BlockingIOError:
                pass
            except OSError:
                self.ended.add(connection)

    def read_to_the_end(self) -> None:
        """Until the other side has closed every one."""
        with selectors.DefaultSelector() as readable:
            for connection in self.answers:
                readable.register(connection, selectors.EVENT_READ)
            while readable.get_map():
                ready = readable.select(PATIENCE_S)
                assert ready, f"{len(readable.get_map())} connections were not ended"
                for key, _ in ready:
                    if not _read(key.fileobj):
                        readable.unregister(key.fileobj)

    def close(self) -> None:
        for connection in self.answers:
            connection.close()


def _read(connection: object) -> bytes:
    assert isinstance(connection, socket.socket)
    try:
        return connection.recv(65536)
    except OSError:
        return b""


@contextmanager
def dripping(crowd: Crowd) -> Iterator[Callable[[], bool]]:
    """Goes on a byte at a time on every connection; asks whether all of them were ended."""
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.5):
            crowd.go_on()

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield lambda: len(crowd.ended) == SLOW
    finally:
        stop.set()
        thread.join()
        crowd.close()


def served(web: Web) -> None:
    """Somebody at an ordinary speed, some times one after the other, each time on a new connection."""
    for _ in range(6):
        assert httpx.get(f"{web.url}/v1/jobs", timeout=PATIENCE_S).status_code == 401


@pytest.mark.parametrize("begun", [HEAD + b"X-Slow: ", HEAD + b"Content-Length: 4000\r\n\r\n{"], ids=["head", "body"])
def test_who_sends_a_request_byte_by_byte_stops_nobody_and_is_told_to_be_late(web: Web, begun: bytes) -> None:
    crowd = Crowd(web, begun)
    with dripping(crowd) as all_ended:
        served(web)
        deadline = time.monotonic() + PATIENCE_S
        while not all_ended():
            assert time.monotonic() < deadline, f"{len(crowd.ended)} of {SLOW} were ended"
            time.sleep(0.1)
        told = {answer.split(b"\r\n")[0] for answer in crowd.answers.values()}
        assert told == {b"HTTP/1.1 408 Request Timeout"}
        head, _, body = next(iter(crowd.answers.values())).partition(b"\r\n\r\n")
        assert b"Content-Type: application/problem+json" in head
        problem = json.loads(body)
        assert (problem["code"], problem["status"]) == ("request_timeout", 408)
        assert problem["request_id"] in web.log.read_text()
    served(web)


def test_who_does_not_read_answers_or_does_not_close_stops_nobody_and_is_ended(web: Web) -> None:
    crowd = Crowd(web, BIG_ANSWERS, reads=False)
    served(web)
    deadline = time.monotonic() + PATIENCE_S
    while web.log.read_text().count('"waited": "for the client to take its answer"') < SLOW:
        assert time.monotonic() < deadline, "not all who never read were ended"
        time.sleep(0.2)
    crowd.close()
    # Each got its answer and the end of it; that they keep their side open holds up nobody, nor one the other.
    crowd = Crowd(web, LAST)
    served(web)
    crowd.read_to_the_end()
    crowd.close()


def test_more_connections_than_a_process_holds_leave_room_for_who_comes_next(web: Web) -> None:
    silent = [Crowd(web, b""), Crowd(web, b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), Crowd(web, HEAD)]
    assert LIMITS["CONNECTIONS"] * PROCESSES < len(silent) * SLOW
    served(web)
    for crowd in silent:
        crowd.close()


def test_an_upload_that_takes_its_time_and_a_stream_of_events_outlive_the_limits(
    web: Web, service_environment: dict[str, str]
) -> None:
    _manage(service_environment, "tenants", "create", "acme", "--name", "Acme")
    token = _manage(service_environment, "api_keys", "create", "acme", "--name", "test").strip()
    key = {"Authorization": f"Bearer {token}"}
    files = [{"name": f"{number:04}.dng", "size_bytes": 5} for number in range(300)]
    body = json.dumps({"recipe": "default", "files": files}).encode()

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]
            time.sleep(6 / (len(body) / 1000))

    headers = {**key, "Content-Type": "application/json", "Content-Length": str(len(body)), "Expect": "100-continue"}
    posted = httpx.post(f"{web.url}/v1/jobs", content=slowly(), headers=headers, timeout=PATIENCE_S)
    assert posted.status_code == 202, posted.text
    job = f"{web.url}/v1/jobs/{posted.json()['job_id']}"
    with httpx.stream("GET", f"{job}/events", headers=key, timeout=PATIENCE_S) as events:
        lines = events.iter_lines()
        while not next(lines).startswith("event: job"):
            pass
        time.sleep(LIMITS["HEAD_S"] + LIMITS["TRANSFER_S"] + 1)
        assert httpx.delete(job, headers=key, timeout=PATIENCE_S).is_success
        assert "event: end" in list(lines)
