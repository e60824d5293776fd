"""A child process that never outlives this one: started, awaited, its output kept in a file, stopped in order."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local.errors import LocalError, LocalReason

_TETHER = Path(__file__).with_name("tether.py")
_POLL_S = 0.02
_KILLED_WITHIN_S = 10


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to end it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10
    tethered: bool = field(default=True)  # False where the command asks the kernel itself


class ChildProcess:
    """One running program in its own session, so that Ctrl-C in a terminal reaches only whoever stops it in order.

    Attributes:
        log_start: where in its log, which goes on from run to run, this run's output begins, in bytes.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._asked = False
        program.log.parent.mkdir(parents=True, exist_ok=True)
        self.log_start = program.log.stat().st_size if program.log.exists() else 0
        command = list(program.command)
        if program.tethered:
            tether = [sys.executable, "-I", "-S", str(_TETHER), str(program.stop_signal.value), str(os.getpid())]
            command = [*tether, *command]
        with program.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                cwd=program.folder,
                start_new_session=True,
            )
        self._created = psutil.Process(self._process.pid).create_time()

    @property
    def name(self) -> str:
        """How messages call this process."""
        return self.program.name

    @property
    def pid(self) -> int:
        """Process id; the tether keeps it when it becomes the program."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def last_lines(self, count: int = 15) -> str:
        """The end of what this run wrote."""
        with self.program.log.open("rb") as output:
            output.seek(self.log_start)
            lines = output.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-count:])

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Return once `ready()` holds; `LocalError` with the log's end when the process ends or time is up."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.exit_code is not None:
                raise LocalError(LocalReason.PROCESS_ENDED, self.ending())
            if time.monotonic() > deadline:
                raise LocalError(
                    LocalReason.NOT_READY,
                    f"{self.name} is not ready after {timeout_s:g} s; its log {self.program.log} ends with\n"
                    f"{self.last_lines()}",
                )
            time.sleep(_POLL_S)

    def ending(self) -> str:
        """How it ended, with the end of its log."""
        code = self.exit_code
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return f"{self.name} ended with {how}; its log {self.program.log} ends with\n{self.last_lines()}"

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once; never twice, since a second one means that somebody is impatient."""
        if self.exit_code is None and not self._asked:
            self._asked = True
            self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """Ask it to stop, wait the grace time, then kill whatever of its session is left.

        An impatient second Ctrl-C ends the wait, never the killing.
        """
        self.ask_to_stop()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.program.grace_s)
        finally:
            self._kill_session()
            self._process.wait()

    def _kill_session(self) -> None:
        """Kill what is left and wait until it is gone: whoever starts anew needs its ports and files."""
        deadline = time.monotonic() + _KILLED_WITHIN_S
        with contextlib.suppress(ProcessLookupError):
            while self._session_is_ours() and time.monotonic() < deadline:
                os.killpg(self._process.pid, signal.SIGKILL)
                # Reaps the program itself, which would count as left otherwise.
                self._process.poll()
                time.sleep(_POLL_S)

    def _session_is_ours(self) -> bool:
        """Whether the number still means our session: once that is empty, the system gives it to others."""
        try:
            return psutil.Process(self.pid).create_time() == self._created
        except psutil.NoSuchProcess:
            return True
