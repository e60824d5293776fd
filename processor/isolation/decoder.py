"""The inside of an isolated decoder: learns what it is for, closes itself in, and develops one image after another."""

import faulthandler
import math
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from processor.batch.blame import blame, has_no_room, is_transient
from processor.batch.memory import limit_own_memory, private_bytes
from processor.errors import ImageError, NeedsMemory, Stage
from processor.heap import peak_resident_bytes
from processor.isolation import messages
from processor.isolation.messages import (
    LONGEST_LINE_BYTES,
    Developed,
    Entered,
    Hold,
    LetGo,
    NeedsMore,
    Opening,
    Order,
    Refused,
)
from processor.isolation.sandbox import Cage, enter
from processor.recipe import Recipe

_CPU_GRACE_S = 5.0


def serve(connection: socket.socket) -> None:
    """Carry out the orders that come in on a connection, until it ends. For a process of its own."""
    line = _Line(connection.detach())
    opening = Opening.model_validate_json(line.read())
    function = _function(opening.function)
    recipe = Recipe.model_validate_json(opening.recipe_path.read_bytes())
    logo = () if recipe.watermark is None else (recipe.watermark.logo,)
    _take_output(opening.log_path)
    # Read before the walls go up: afterwards there is no /proc.
    decoder = _Decoder(line, function, recipe, _Seats(line) if opening.licensed else None, private_bytes())
    enter(Cage(readable=(*logo, *opening.readable), writable=opening.writable))
    while True:
        decoder.carry_out(Order.model_validate_json(line.read()))


class _Decoder:
    def __init__(
        self,
        line: "_Line",
        function: Callable[..., Any],
        recipe: Recipe,
        seats: "_Seats | None",
        baseline_bytes: int | None,
    ) -> None:
        self._line, self._function, self._recipe, self._seats = line, function, recipe, seats
        self._baseline_bytes = baseline_bytes
        self._cpu_s = 0.0
        self._stage = Stage.READ

    def carry_out(self, order: Order) -> None:
        """Develop an image and answer, whatever comes of it."""
        os.ftruncate(2, 0)
        self._stage = Stage.READ
        self._line.write(messages.line_of(self._answer(order)))

    def _answer(self, order: Order) -> NeedsMore | Refused | Developed:
        try:
            _limit_cpu(order.timeout_s + _CPU_GRACE_S)
            if order.memory_bytes is not None:
                limit_own_memory(order.memory_bytes, self._baseline_bytes)
            result = self._function(
                order.source,
                self._recipe,
                order.out_dir,
                stem=order.stem,
                limits=order.limits,
                on_stage=self._enter,
                licences=self._seats,
            )
            return messages.developed(result, cpu_s=self._spent_s(), peak_bytes=peak_resident_bytes())
        except NeedsMemory as request:
            return NeedsMore(needed_bytes=request.needed_bytes, cpu_s=self._spent_s(), peak_bytes=peak_resident_bytes())
        except BaseException as error:  # noqa: BLE001 - whatever one image raises is told
            reason, stage, message = blame(error, self._stage)
            transient, no_room = is_transient(error), has_no_room(error)
        # Only here is what the image held let go of, and there is memory to answer with.
        return Refused(
            reason=reason,
            stage=stage,
            message=message[:10_000].encode("utf-8", "replace").decode(),
            transient=transient,
            no_room=no_room,
            cpu_s=self._spent_s(),
            peak_bytes=peak_resident_bytes(),
        )

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._line.write(messages.line_of(Entered(stage=stage)))

    def _spent_s(self) -> float:
        before_s, self._cpu_s = self._cpu_s, time.process_time()
        return self._cpu_s - before_s


class _Seats:
    """Licences as a decoder sees them: whoever gave the order holds them for it."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    @contextmanager
    def hold(self, *names: str, image: str = "") -> Iterator[None]:  # noqa: ARG002 - the holder knows which
        """See processor.licences.Licences.hold."""
        self._line.write(messages.line_of(Hold(hold=names)))
        answer = self._line.read()
        if answer != messages.GRANTED.strip():
            refusal = messages.parse(answer)
            if not isinstance(refusal, Refused):
                raise messages.Nonsense(f"{answer[:80]!r} for a seat")
            raise ImageError(refusal.reason, refusal.message)
        try:
            yield
        finally:
            self._line.write(messages.line_of(LetGo(let_go=True)))


class _Line:
    """Lines over a socket by read and write alone: the calls of sockets are refused in here."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def read(self) -> bytes:
        while b"\n" not in self._rest:
            data = os.read(self._descriptor, 1 << 16)
            if not data or len(self._rest) > LONGEST_LINE_BYTES:
                os._exit(0)  # whoever asked is gone
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


def _function(reference: str) -> Callable[..., Any]:
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _take_output(log_path: Path) -> None:
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for descriptor, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(nothing)
    os.close(log)
    faulthandler.enable(2, all_threads=False)


def _limit_cpu(more_s: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + more_s)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
