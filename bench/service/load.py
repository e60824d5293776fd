"""Concurrent clients that ask again as soon as they are answered, cheap enough to leave the cores to the server.

An HTTP client library would spend several times as much processor time on a request as the server spends on `/health/`,
and the measurement would be of the library. These clients send bytes that are made beforehand and read the answer's
head and its body to the end: no more than HTTP/1.1 of a server that is known needs.
"""

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it goes over the wire."""

    wire: bytes

    @classmethod
    def of(cls, origin: str, method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> "Request":
        """A request to a server."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(origin).netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls(wire="\r\n".join([*lines, "", ""]).encode() + body)


@dataclass(slots=True)
class Answers:
    """How a round went."""

    latencies_s: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    took_s: float = 0.0
    """From the first request to the last answer."""

    def note(self, status: int, latency_s: float) -> None:
        """Counts one answer."""
        self.latencies_s.append(latency_s)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def percentile_s(self, share: float) -> float:
        """The latency that this share of answers stays within (nearest rank)."""
        ordered = sorted(self.latencies_s)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ask_concurrently(origin: str, clients: Sequence[Sequence[Request]]) -> Answers:
    """Answers to all requests: each client has a connection of its own and sends its requests one after the other."""
    return asyncio.run(_all(origin, clients))


async def _all(origin: str, clients: Sequence[Sequence[Request]]) -> Answers:
    answers = Answers()
    ready = asyncio.Barrier(len(clients))
    began_s = time.perf_counter()
    await asyncio.gather(*(_one(origin, requests, ready, answers) for requests in clients))
    answers.took_s = time.perf_counter() - began_s
    return answers


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    length = _LENGTH.search(head)
    if length is not None:
        await reader.readexactly(int(length[1]))
        return
    if not _CHUNKED.search(head):
        raise RuntimeError(f"an answer whose end cannot be told: {head!r}")
    while chunk := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(chunk + 2)
    await reader.readexactly(2)


async def _one(origin: str, requests: Sequence[Request], ready: asyncio.Barrier, answers: Answers) -> None:
    address = urlsplit(origin)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    await ready.wait()
    try:
        for request in requests:
            began_s = time.perf_counter()
            writer.write(request.wire)
            head = await reader.readuntil(b"\r\n\r\n")
            await _read_body(reader, head)
            answers.note(int(head[9:12]), time.perf_counter() - began_s)
            if b"\r\nconnection: close\r\n" in head.lower():
                writer.close()
                reader, writer = await asyncio.open_connection(address.hostname, address.port)
    finally:
        writer.close()
