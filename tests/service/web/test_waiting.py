"""The web task's worker class, in this process: real sockets, one thread, a stand-in for the application."""

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.web import waiting
from service.web.drain import LINGER_S, Drain

PATIENCE_S = 60
BODY_BYTES = 200_000
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY_BYTES + b"x" * BODY_BYTES


class Served:
    """A worker whose loop turns when it is told to, and an application that answers when it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        settings = Config()
        settings.set("threads", 1)
        self.worker = waiting.Worker(0, os.getppid(), [], None, 30, settings, Logger(settings))
        self.worker.wsgi = self._answer
        self.worker.tpool = self.worker.get_thread_pool()
        self.worker.poller = selectors.DefaultSelector()
        self.worker.method_queue.init()
        wake = self.worker.method_queue
        self.worker.poller.register(wake.fileno(), selectors.EVENT_READ, wake.run_callbacks)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []

    def _answer(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.may_answer.wait(PATIENCE_S)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    def sent(self, data: bytes) -> socket.socket:
        """A new client that has sent something."""
        client = socket.create_connection(self._listener.getsockname(), PATIENCE_S)
        self._clients.append(client)
        sending = threading.Thread(target=client.sendall, args=(data,))
        sending.start()
        self.worker.accept(self._listener)
        self.turn_until(lambda: not sending.is_alive() and not self._arriving())
        return client

    def _arriving(self) -> bool:
        return any(each.phase is waiting.Phase.REQUEST for each in self.worker._waiting.values())

    def turn_until(self, holds: Callable[[], bool]) -> None:
        """Turns the loop."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline
            self.worker.wait_for_and_dispatch_events(0.05)
            self.worker.murder_pending()

    def end(self) -> None:
        self.may_answer.set()
        for client in self._clients:
            client.close()
        self.turn_until(lambda: self.worker.nr_conns == 0)
        self.worker.tpool.shutdown()
        self.worker.poller.close()
        self.worker.method_queue.close()
        self.worker.tmp.close()
        self._listener.close()


@pytest.fixture
def served(service: object) -> Iterator[Served]:
    made = Served()
    yield made
    made.end()


def test_whole_requests_that_wait_for_a_thread_have_a_bound_and_small_ones_always_get_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_HELD_BYTES", int(2.5 * BODY_BYTES))
    answered = [served.sent(POST)]  # has the only thread
    served.turn_until(lambda: not served.worker._queued)
    answered += [served.sent(POST), served.sent(POST)]
    late = served.sent(POST)
    answered.append(served.sent(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    refusal = late.recv(65536)
    assert refusal.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5" in refusal
    served.may_answer.set()
    served.turn_until(lambda: not served.worker._queued and served.worker.nr_conns <= 4)
    assert [client.recv(15) for client in answered] == [b"HTTP/1.1 200 OK"] * 4


def test_a_body_that_nobody_reads_is_not_kept_until_its_client_closes(served: Served) -> None:
    served.may_answer.set()
    served.sent(POST)
    served.turn_until(lambda: bool(served.worker._waiting))
    (left,) = served.worker._waiting.values()
    assert left.phase is waiting.Phase.CLOSE
    assert left.conn.parser is None


def test_a_task_leaves_though_the_load_balancer_asks_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    drain = Drain()
    now = time.monotonic()

    def leaves_meanwhile() -> float:
        drain.leave()
        return now

    monkeypatch.setattr(time, "monotonic", leaves_meanwhile)
    drain.watched()
    assert drain.leaving
    assert drain.linger_s == LINGER_S
