"""gunicorn's threads, kept from slow clients: a connection has one from when its request is whole until it is answered.

gunicorn itself gives a thread to every connection that has sent a byte. The thread then waits for the rest, and later
for the client to read: a few connections that send a byte a second would stop everybody. Here connections wait in the
process's one loop, which costs a socket and the bytes: for the rest of their request, for the client to take the rest
of its answer, for the client to close. Each wait has an end, and all of them together a bound: past it the one that has
waited longest goes, so that a client at any ordinary speed gets through.
"""

import errno
import select
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any
from uuid import uuid4

from gunicorn.http import get_parser  # type: ignore[import-untyped]
from gunicorn.http.body import ChunkedReader, LengthReader  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker  # type: ignore[import-untyped]

from service.api.bodies import MAX_BODY_BYTES
from service.api.problems import Code, Problem, answer, retry_after
from service.logs import logger

HEAD_S = 20.0
"""For a request's line and headers, from their first byte."""
TRANSFER_S = 20.0
"""For the rest of a body or of an answer; more with every byte that has gone, as long as it goes at `LEAST_RATE`."""
LEAST_RATE = 1024
"""Bytes a second below which a client is stalling."""
LONGEST_S = 300.0
"""For a body or an answer at any rate. The largest body, 8 MiB, needs 28 kB a second."""
CLOSING_S = 2.0
"""For the client to close after its last answer, so that the answer is not lost with what else it had sent."""
MAX_HEAD_BYTES = 64 * 1024
"""A load balancer's limit as well."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""Of requests that have no thread yet and of unread answers together, in one process."""
MAX_UNSENT_BYTES = 8 * 1024 * 1024
"""Of one answer; the thread that writes more than that waits."""
LOOK_EVERY_S = 0.5
_RECEIVE_BYTES = 64 * 1024

_log = logger(__name__)


class Phase(Enum):
    """What a connection waits for."""

    REQUEST = "for the rest of a request"
    READER = "for the client to take its answer"
    CLOSE = "for the client to close"


class ClientSocket(socket.socket):
    """A client's connection that takes an answer at once, and keeps what the client does not take yet."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self.unsent = bytearray()

    def sendall(self, data: Any, _flags: int = 0, /) -> None:
        """Sends what the client takes now and keeps the rest for `flush`.

        Raises:
            OSError: the client is gone, or did not take enough of an answer that is longer than is kept.
        """
        view = memoryview(data).cast("B")
        sent = 0 if self.unsent else self._send_now(view)
        self.unsent += view[sent:]
        if len(self.unsent) > MAX_UNSENT_BYTES:
            self._wait_for_the_client()

    def send(self, data: Any, _flags: int = 0, /) -> int:
        """As `sendall`."""
        self.sendall(data)
        return len(data)

    def flush(self) -> int:
        """Sends on; returns how many bytes the client took."""
        with memoryview(self.unsent) as view:
            sent = self._send_now(view)
        del self.unsent[:sent]
        return sent

    def close(self) -> None:
        """Drops what was not sent, too."""
        self.unsent.clear()
        super().close()

    def _send_now(self, view: memoryview) -> int:
        sent = 0
        with suppress(BlockingIOError):
            while sent < len(view):
                sent += super().send(view[sent:], socket.MSG_DONTWAIT)
        return sent

    def _wait_for_the_client(self) -> None:
        deadline = time.monotonic() + TRANSFER_S
        writable = select.poll()
        writable.register(self, select.POLLOUT)
        while len(self.unsent) > MAX_UNSENT_BYTES:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not writable.poll(left_s * 1000):
                self.unsent.clear()
                raise BrokenPipeError(errno.EPIPE, "the client does not read its answer")
            self.flush()


@dataclass(slots=True, eq=False)
class Waiting:
    """A connection that waits without a thread.

    Attributes:
        moved: bytes of a body or an answer that have gone since.
        received: the request so far.
        whole_at: length of head and body together, once the head is there.
        then: what follows when the answer was taken.
    """

    conn: TConn
    phase: Phase
    since: float = field(default_factory=time.monotonic)
    moved: int = 0
    received: bytearray = field(default_factory=bytearray)
    whole_at: int | None = None
    then: Callable[[], None] | None = None

    @property
    def held_bytes(self) -> int:
        """Memory that waits with it."""
        return len(self.received) + len(self.conn.sock.unsent)

    def ends_at(self, idle_s: float) -> float:
        """When it is given up; one that has sent nothing yet after `idle_s`."""
        if self.phase is Phase.CLOSE:
            return self.since + CLOSING_S
        if self.phase is Phase.REQUEST and not self.received:
            return self.since + idle_s
        if self.phase is Phase.REQUEST and self.whole_at is None:
            return self.since + HEAD_S
        return self.since + min(LONGEST_S, TRANSFER_S + self.moved / LEAST_RATE)


class Worker(ThreadWorker):  # type: ignore[misc,unused-ignore]
    """gunicorn's threaded worker, whose threads meet whole requests only and never wait for a client to read."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._waiting: dict[TConn, Waiting] = {}
        self._queued: dict[TConn, int] = {}  # length of whole requests that no thread has taken yet
        self._next_look = 0.0

    # --- what gunicorn calls ---

    def enqueue_req(self, conn: TConn) -> None:
        """With a connection that is new, has news, or holds the next request already: waits until that is whole."""
        if not isinstance(conn.sock, ClientSocket):
            conn.sock = ClientSocket(conn.sock)
        conn.sock.setblocking(False)
        waiting = Waiting(conn, Phase.REQUEST)
        if conn.parser is not None:
            waiting.received += conn.parser.unreader.take_buffered()
        self._wait(waiting, selectors.EVENT_READ, self._receive)
        (self._consider if waiting.received else self._receive)(waiting)

    def handle(self, conn: TConn) -> Any:
        """In a thread, with a whole request."""
        self._queued.pop(conn, None)
        return super().handle(conn)

    def finish_request(self, conn: TConn, future: "Future[bool]") -> None:
        """When a thread is done with it: the client may still have to take the answer."""
        kept = not future.cancelled() and future.exception() is None and future.result()
        then = partial(super().finish_request, conn, future) if kept else partial(self._close, conn)
        if not kept:
            conn.parser = None  # with what nobody has read of a body
        if not conn.sock.unsent:
            then()
            return
        waiting = Waiting(conn, Phase.READER, then=then)
        conn.sock.setblocking(False)
        self._wait(waiting, selectors.EVENT_WRITE, self._send)

    def murder_pending(self) -> None:
        """After every turn of the loop: ends waits that took too long, and makes room."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY_S
            idle_s = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
            for waiting in [each for each in self._waiting.values() if each.ends_at(idle_s) < now]:
                self._give_up(waiting)
            self._bound_memory()
        while self.nr_conns >= self.worker_connections and (self._waiting or self.keepalived_conns):
            self._end_the_oldest()

    # --- a request arrives ---

    def _receive(self, waiting: Waiting) -> None:
        data = _read(waiting.conn)
        if data is None:
            return
        if not data:  # whoever goes before the request is whole wants no answer
            self._end(waiting.conn)
            return
        if not waiting.received:
            waiting.since = time.monotonic()
        waiting.received += data
        waiting.moved += len(data)
        self._consider(waiting)

    def _consider(self, waiting: Waiting) -> None:
        """Hands the request to a thread when it is whole, or already known to be refused."""
        if waiting.whole_at is None:
            waiting.whole_at = self._length_of(waiting)
        if waiting.whole_at is not None and len(waiting.received) >= waiting.whole_at:
            length = len(waiting.received)
            if length > MAX_HEAD_BYTES and self._queued_bytes() + length > MAX_HELD_BYTES:
                self._refuse(waiting, _busy())
                return
            conn = waiting.conn
            self._forget(conn)
            conn.init()
            conn.parser.unreader.unread(bytes(waiting.received))
            self._queued[conn] = length
            super().enqueue_req(conn)
        elif waiting.whole_at is None and len(waiting.received) > MAX_HEAD_BYTES:
            problem = Problem(Code.BAD_REQUEST, f"line and headers have more than {MAX_HEAD_BYTES} bytes")
            self._refuse(waiting, problem)

    def _length_of(self, waiting: Waiting) -> int | None:
        """Of head and body, or None while the head is not whole; what no thread would read on counts as whole.

        gunicorn's own parser says it, over what has arrived, so that nothing here can read a request otherwise.
        """
        received = waiting.received
        if b"\r\n\r\n" not in received:
            return None
        conn = waiting.conn
        parser = get_parser(self.cfg, iter([bytes(received)]), conn.client)
        try:
            request = next(parser)
        except NoMoreData:
            return None
        except Exception:  # noqa: BLE001 - whatever is wrong with it, the thread meets the same and answers
            return len(received)
        body = request.body.reader
        if not isinstance(body, LengthReader) or body.length > MAX_BODY_BYTES:
            return len(received)
        length = len(received) - len(parser.unreader.buf.getvalue()) + int(body.length)
        waiting.since, waiting.moved = time.monotonic(), 0
        if request._expected_100_continue and len(received) < length:
            self._try_to_send(conn, b"HTTP/1.1 100 Continue\r\n\r\n")
        return length

    # --- an answer leaves ---

    def _send(self, waiting: Waiting) -> None:
        conn = waiting.conn
        try:
            waiting.moved += conn.sock.flush()
        except OSError:
            self._end(conn)
            return
        if not conn.sock.unsent and waiting.then is not None:
            self._forget(conn)
            waiting.then()

    def _close(self, conn: TConn) -> None:
        """After the last answer. gunicorn would wait for the client here, and everybody with it."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(conn)
            return
        self._wait(Waiting(conn, Phase.CLOSE), selectors.EVENT_READ, self._ignore)

    def _ignore(self, waiting: Waiting) -> None:
        """Reads what a client still says after its last answer."""
        data = _read(waiting.conn)
        if data is None:
            return
        waiting.moved += len(data)
        if not data or waiting.moved > MAX_HEAD_BYTES:
            self._end(waiting.conn)

    # --- the end of a wait ---

    def _give_up(self, waiting: Waiting) -> None:
        if waiting.phase is Phase.REQUEST and waiting.received:
            self._refuse(waiting, Problem(Code.REQUEST_TIMEOUT, "the rest of the request did not arrive in time"))
        else:
            self._drop(waiting)

    def _bound_memory(self) -> None:
        """The largest go first: small requests are never among them."""
        held = self._queued_bytes() + sum(each.held_bytes for each in self._waiting.values())
        for waiting in sorted(self._waiting.values(), key=lambda each: each.held_bytes, reverse=True):
            if held <= MAX_HELD_BYTES or waiting.held_bytes <= MAX_HEAD_BYTES:
                return
            held -= waiting.held_bytes
            if waiting.phase is Phase.REQUEST:
                self._refuse(waiting, _busy())
            else:
                self._drop(waiting)

    def _queued_bytes(self) -> int:
        return sum(self._queued.copy().values())  # a copy: threads take out theirs meanwhile

    def _end_the_oldest(self) -> None:
        waiting = next(iter(self._waiting.values()), None)
        kept = self.keepalived_conns[0] if self.keepalived_conns else None
        if waiting is not None and (kept is None or waiting.since <= kept.timeout - self.cfg.keepalive):
            self._drop(waiting)
        elif kept is not None:
            self.keepalived_conns.popleft()
            self.poller.unregister(kept.sock)
            self._end(kept)

    def _drop(self, waiting: Waiting) -> None:
        if waiting.held_bytes:  # else it was idle, or had its answer
            _log.info("connection_ended", waited=waiting.phase.value, held_bytes=waiting.held_bytes)
        self._end(waiting.conn)

    def _refuse(self, waiting: Waiting, problem: Problem) -> None:
        conn = waiting.conn
        self._forget(conn)
        request_id = uuid4().hex
        _log.info("request_refused", request_id=request_id, code=problem.code, received_bytes=len(waiting.received))
        response = answer(problem, request_id=request_id)
        response.headers["X-Request-Id"] = request_id
        head = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in response.items()]
        head.append(f"Content-Length: {len(response.content)}")
        self._try_to_send(conn, "\r\n".join(head).encode() + b"\r\n\r\n" + response.content)
        conn.sock.unsent.clear()
        self._close(conn)

    def _try_to_send(self, conn: TConn, data: bytes) -> None:
        with suppress(OSError):  # the next read says so
            conn.sock.sendall(data)

    # --- the books ---

    def _wait(self, waiting: Waiting, event: int, callback: Callable[[Waiting], None]) -> None:
        self._waiting[waiting.conn] = waiting
        self.poller.register(waiting.conn.sock, event, lambda _socket: callback(waiting))

    def _forget(self, conn: TConn) -> None:
        if self._waiting.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)

    def _end(self, conn: TConn) -> None:
        """Closes it at once."""
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()


def _busy() -> Problem:
    return Problem(Code.NOT_READY, "too many large requests are on their way", headers=retry_after(5))


def _read(conn: TConn) -> bytes | None:
    """What has arrived: None when nothing has, no bytes when the client is gone."""
    try:
        return bytes(conn.sock.recv(_RECEIVE_BYTES))
    except BlockingIOError:
        return None
    except OSError:
        return b""


def before_request(_worker: object, request: Any) -> None:
    """Called by gunicorn before it answers one.

    A body that no thread will read ends the connection: gunicorn would wait for the rest of it, to skip it. And who
    waited for "100 Continue" has heard it.
    """
    body = request.body.reader
    if isinstance(body, ChunkedReader) or (isinstance(body, LengthReader) and body.length > MAX_BODY_BYTES):
        request.force_close()
    request._expected_100_continue = False
