"""The outside of isolated decoders: the server that makes them, and one of them with its images."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from processor.batch.deaths import classify
from processor.batch.environment import worker_environment
from processor.errors import ImageError, NeedsMemory, ProcessorError, ReasonCode, Stage, UsageError
from processor.isolation import messages
from processor.isolation.messages import (
    LONGEST_LINE_BYTES,
    MOST_ANSWERS,
    Developed,
    Ended,
    Entered,
    Hold,
    LetGo,
    NeedsMore,
    Nonsense,
    Opening,
    Order,
    Refused,
)
from processor.isolation.sandbox import Protection, clean_environment
from processor.licences import Licences
from processor.limits import Limits
from processor.result import ImageResult

_BACKLOG = 1024
_LOG_TAIL_BYTES = 16 * 1024
_CLOSING_S = 5.0


class DecodingFailed(ProcessorError):  # noqa: N818 - what became of the image
    """An image was refused by its decoder, or its decoder died of it.

    Attributes:
        reason, stage: who is to blame, and where.
        transient: whether another attempt may go well.
        no_room: whether the disk was full.
        cpu_s: processor seconds that it took, as far as they are known.
    """

    def __init__(
        self,
        reason: ReasonCode,
        stage: Stage,
        message: str,
        *,
        transient: bool = False,
        no_room: bool = False,
        cpu_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.reason, self.stage, self.transient, self.no_room = reason, stage, transient, no_room
        self.cpu_s = cpu_s


class DecoderServer:
    """The process that decoders come from. A context manager; used by all processes that know `address`.

    Attributes:
        address: path of its socket.
    """

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: private to this user; receives the socket.
        """
        self.address = folder / "decoders"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.fspath(self.address))
        listener.listen(_BACKLOG)
        with listener, worker_environment():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "processor.isolation.server", str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=clean_environment(os.environ),
                pass_fds=(listener.fileno(),),
            )
        self._protection: Protection | None = None
        self._ready = threading.Event()
        threading.Thread(target=self._wait_ready, name="decoders-ready", daemon=True).start()

    def __enter__(self) -> "DecoderServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def settled(self) -> bool:
        """Whether it has begun to serve, or has failed to."""
        return self._ready.is_set()

    @property
    def protection(self) -> Protection | None:
        """What its decoders are refused; None before it serves."""
        return self._protection

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until it serves; False when it does not."""
        self._ready.wait(timeout_s)
        return self._protection is not None

    def close(self) -> None:
        """End it and all decoders."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_CLOSING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.address.unlink(missing_ok=True)

    def _wait_ready(self) -> None:
        stdout = self._process.stdout
        line = b"" if stdout is None else stdout.readline()
        with suppress(ValueError, TypeError):
            said = json.loads(line)
            self._protection = Protection(**{**said, "missing": tuple(said["missing"])})
        self._ready.set()


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was developed, the processor seconds that it took, and the most memory its decoder has had."""

    result: ImageResult
    cpu_s: float
    peak_bytes: int


class Decoder:
    """One decoder, for images that may know of each other: those of one job. A context manager.

    It is closed in with the first image. To close it, as the death of this process does, ends its process.
    """

    def __init__(self, address: Path, opening: Opening, *, licences: Licences | None = None) -> None:
        """Have a decoder made.

        Args:
            address: of the server.
            opening: what it is for.
            licences: where its seats are held.

        Raises:
            DecodingFailed: none can be had.
        """
        self._opening = opening.model_copy(update={"licensed": licences is not None})
        self._licences = licences
        self._held: list[ExitStack] = []
        self._rest = b""
        self.usable = True
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.connect(os.fspath(address))
            self._connection.sendall(messages.line_of(self._opening))
        except OSError as error:
            self.close()
            message = f"no decoder can be had: {error.strerror or error}"
            raise DecodingFailed(ReasonCode.INTERNAL_ERROR, Stage.READ, message, transient=True) from error

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self.usable = False
        self._connection.close()

    def develop(
        self,
        source: Path,
        out_dir: Path,
        *,
        stem: str,
        limits: Limits,
        on_stage: Callable[[Stage], None] = lambda _stage: None,
    ) -> Made:
        """Have an image developed. After a DecodingFailed with `usable` false the decoder is gone.

        Args:
            source, out_dir, stem, limits: as for pipeline.develop.
            on_stage: told of every stage that begins.

        Raises:
            DecodingFailed: the image cannot be developed, or the decoder died of it.
            NeedsMemory: its plan needs more than it may use.
        """
        order = Order.of(source, out_dir, stem=stem, limits=limits)
        with suppress(OSError):  # it is gone: why, is about to be read
            self._connection.sendall(messages.line_of(order))
        stage = Stage.READ
        try:
            for _ in range(MOST_ANSWERS):
                match self._answer(stage):
                    case Entered(stage=entered):
                        stage = entered
                        on_stage(stage)
                    case Hold(hold=names):
                        self._hold(names, source, stage)
                    case LetGo():
                        self._let_go()
                    case Developed() as done:
                        return Made(done.result(str(source)), done.cpu_s, done.peak_bytes)
                    case NeedsMore(needed_bytes=needed_bytes):
                        raise NeedsMemory(needed_bytes)
                    case Refused() as refused:
                        raise DecodingFailed(
                            refused.reason,
                            refused.stage,
                            refused.message,
                            transient=refused.transient,
                            no_room=refused.no_room,
                            cpu_s=refused.cpu_s,
                        )
                    case Ended(exit_code=exit_code):
                        raise self._died(exit_code, stage)
            raise self._gave_up("its decoder does not stop talking", stage)
        finally:
            while self._held:
                self._let_go()

    def _answer(self, stage: Stage) -> messages.Answer:
        while b"\n" not in self._rest:
            try:
                data = self._connection.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                raise self._gave_up("its decoder was lost", stage)
            if len(self._rest) > LONGEST_LINE_BYTES:
                raise self._gave_up("its decoder does not stop talking", stage)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            return messages.parse(line)
        except Nonsense as error:
            raise self._gave_up(str(error), stage) from None

    def _hold(self, names: tuple[str, ...], source: Path, stage: Stage) -> None:
        stack = ExitStack()
        try:
            if self._licences is None:
                raise UsageError("there are no licences")
            stack.enter_context(self._licences.hold(*names, image=str(source)))
            self._held.append(stack)
            reply = messages.GRANTED
        except ProcessorError as error:
            reason = error.reason if isinstance(error, ImageError) else ReasonCode.INTERNAL_ERROR
            refusal = Refused(reason=reason, stage=stage, message=str(error)[:10_000], cpu_s=0.0, peak_bytes=0)
            reply = messages.line_of(refusal)
        with suppress(OSError):
            self._connection.sendall(reply)

    def _let_go(self) -> None:
        if self._held:
            self._held.pop().close()

    def _died(self, exit_code: int, stage: Stage) -> DecodingFailed:
        self.close()
        death = classify(exit_code, stage, _tail(self._opening.log_path))
        return DecodingFailed(death.reason, stage, death.message, transient=death.transient)

    def _gave_up(self, why: str, stage: Stage) -> DecodingFailed:
        self.close()
        return DecodingFailed(ReasonCode.DECODER_CRASH, stage, f"{why}, at stage {stage}", transient=True)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return file.read(_LOG_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return ""
