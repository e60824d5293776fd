"""A relay in front of the AWS endpoints that fails as it is told: `python -m chaos.relay.faulty PORT UPSTREAM CONTROL`.

`PUT` of a list of rules to the control port makes them hold from now on; `GET` answers how many requests each kind hit.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections import Counter

from chaos.relay.rules import Kind, Rule
from chaos.relay.wire import MAX_HEAD_BYTES, Head, body, read_head

LOOPBACK = "127.0.0.1"
_LONGEST_SILENCE_S = 120.0


class Faulty:
    """The relay."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._rules: list[Rule] = []
        self._hits: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, with one of its own to the endpoints."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while (head := await read_head(reader)) is not None:
                rule = next((rule for rule in self._rules if rule.hits(head.service, head.operation)), None)
                if rule is not None:
                    self._hits[rule.kind] += 1
                if rule is not None and rule.kind in {Kind.STATUS, Kind.TIMEOUT, Kind.RESET}:
                    await _refuse(rule, head, reader, writer)
                    return
                if rule is not None and rule.kind is Kind.LATE:
                    await asyncio.sleep(rule.late_s)
                upstream = upstream or await asyncio.open_connection(LOOPBACK, self._upstream, limit=MAX_HEAD_BYTES)
                if not await _relay(head, (reader, writer), upstream, rule):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            for each in (writer, upstream[1] if upstream else None):
                if each is not None:
                    each.close()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One call to the control port."""
        head = await read_head(reader)
        if head is not None:
            if head.method == "PUT":
                sent = b"".join([piece async for piece in body(reader, head)])
                self._rules = [Rule.of(fields) for fields in json.loads(sent)]
                self._hits.clear()
            told = json.dumps(self._hits).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        writer.close()


async def _relay(
    request: Head,
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    rule: Rule | None,
) -> bool:
    """One request and its answer; whether the connection may go on."""
    up_reader, up_writer = upstream
    up_writer.write(request.raw)
    if request.waits_for_continue:
        client[1].write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async for piece in body(client[0], request):
        up_writer.write(piece)
        await up_writer.drain()
    answer = await read_head(up_reader)
    while answer is not None and answer.status == 100:
        answer = await read_head(up_reader)
    if answer is None or (rule is not None and rule.kind is Kind.ANSWER_LOST):
        _reset(client[1])
        return False
    empty = request.method == "HEAD" or answer.status in {204, 304}
    client[1].write(answer.raw)
    if not empty:
        passed, half = 0, _half(answer, rule)
        async for piece in body(up_reader, answer):
            if half is not None and passed + len(piece) >= half:
                client[1].write(piece[: max(0, half - passed)])
                await client[1].drain()
                _reset(client[1])
                return False
            passed += len(piece)
            client[1].write(piece)
            await client[1].drain()
    await client[1].drain()
    return not (answer.closes or request.closes)


def _half(answer: Head, rule: Rule | None) -> int | None:
    """After how many bytes an answer is cut off, None when it is not."""
    if rule is None or rule.kind is not Kind.HALF:
        return None
    return (answer.length or 2) // 2


async def _refuse(rule: Rule, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if rule.kind is Kind.RESET:
        _reset(writer)
        return
    if head.waits_for_continue:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    async for _ in body(reader, head):
        pass
    if rule.kind is Kind.STATUS:
        writer.write(rule.answer())
        await writer.drain()
        return
    with contextlib.suppress(TimeoutError):
        # Until the client has had enough.
        await asyncio.wait_for(reader.read(1), _LONGEST_SILENCE_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a router does that has forgotten it."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _main(port: int, upstream: int, control: int) -> None:
    relay = Faulty(upstream)
    served = await asyncio.start_server(relay.serve, LOOPBACK, port, limit=MAX_HEAD_BYTES, backlog=1024)
    controlled = await asyncio.start_server(relay.control, LOOPBACK, control)
    async with served, controlled:
        await asyncio.gather(served.serve_forever(), controlled.serve_forever())


if __name__ == "__main__":
    asyncio.run(_main(*map(int, sys.argv[1:4])))
