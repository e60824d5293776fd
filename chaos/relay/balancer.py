"""A load balancer in front of the web tasks: `python -m chaos.relay.balancer PORT TARGET...`.

It does what the platform's does: asks every target's health, sends requests to the healthy ones in turn, takes a target
out after three failures and in again after two successes, and answers 502 for a target that does not answer. Its clock
is faster: it asks every second instead of every thirty. And it tells what no other does: each answer says in a header
which target gave it, and each change of mind about a target is a line of JSON on standard output.
"""

import asyncio
import itertools
import json
import sys
import time

from chaos.relay.wire import MAX_HEAD_BYTES, Head, body, read_head

LOOPBACK = "127.0.0.1"
EVERY_S = 1.0
ANSWER_WITHIN_S = 5.0
DOWN_AFTER, UP_AFTER = 3, 2
ANSWERED_BY = "X-Answered-By"
"""Header of answers: the port of the target."""
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ASK = b"GET /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target:
    """One web task as the balancer sees it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.healthy = True
        self._streak = 0
        self._answers = True

    async def watch(self) -> None:
        """Ask for its health, for ever."""
        while True:
            good = await self._is_good()
            if good is not self._answers:
                self._answers = good
                self._tell("check passed" if good else "check failed")
            self._streak = 0 if good is self.healthy else self._streak + 1
            if self._streak >= (DOWN_AFTER if self.healthy else UP_AFTER):
                self.healthy, self._streak = good, 0
                self._tell("in rotation" if good else "out of rotation")
            await asyncio.sleep(EVERY_S)

    def _tell(self, what: str) -> None:
        print(json.dumps({"at": time.time(), "port": self.port, "what": what}), flush=True)

    async def _is_good(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                writer.write(_ASK)
                head = await read_head(reader)
                writer.close()
        except (OSError, TimeoutError):
            return False
        return head is not None and head.status == 200


class Balancer:
    """The targets in turn. When none is healthy all are tried, as the real one does."""

    def __init__(self, ports: list[int]) -> None:
        self.targets = [Target(port) for port in ports]
        self._turn = itertools.count()

    def _next(self) -> Target:
        healthy = [target for target in self.targets if target.healthy] or self.targets
        return healthy[next(self._turn) % len(healthy)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client; each of its requests goes to the next target."""
        open_to: dict[int, Pair] = {}
        try:
            while (head := await read_head(reader)) is not None:
                target = self._next()
                if not await self._relay(head, (reader, writer), target, open_to):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            for _, upstream in open_to.values():
                upstream.close()

    async def _relay(self, request: Head, client: Pair, target: Target, open_to: dict[int, Pair]) -> bool:
        sent = b"".join([piece async for piece in body(client[0], request)])
        try:
            if target.port not in open_to or open_to[target.port][0].at_eof():
                open_to[target.port] = await asyncio.open_connection(LOOPBACK, target.port, limit=MAX_HEAD_BYTES)
            up_reader, up_writer = open_to[target.port]
            up_writer.write(request.raw + sent)
            await up_writer.drain()
            answer = await read_head(up_reader)
        except OSError:
            answer = None
        if answer is None:
            client[1].write(_BAD_GATEWAY)
            await client[1].drain()
            return False
        client[1].write(answer.raw[:-2] + f"{ANSWERED_BY}: {target.port}\r\n\r\n".encode())
        if request.method != "HEAD" and answer.status not in {204, 304}:
            async for piece in body(up_reader, answer):
                client[1].write(piece)
                await client[1].drain()
        await client[1].drain()
        if answer.closes:
            open_to.pop(target.port)[1].close()
        return not (answer.closes or request.closes)


async def _main(port: int, targets: list[int]) -> None:
    balancer = Balancer(targets)
    server = await asyncio.start_server(balancer.serve, LOOPBACK, port, limit=MAX_HEAD_BYTES, backlog=1024)
    async with server:
        await asyncio.gather(server.serve_forever(), *(target.watch() for target in balancer.targets))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
