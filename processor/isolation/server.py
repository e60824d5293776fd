"""Starts isolated decoders: one clean process that has the pipeline loaded, copied anew for every connection.

`python -m processor.isolation.server DESCRIPTOR`, started by client.DecoderServer with an environment without
secrets. It never reads an order, so that no copy knows of another's images, and it never decodes: LibRaw's OpenMP
runtime does not survive to be copied. Ends, with all decoders, when its standard input does.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import asdict
from importlib import import_module

from processor.batch.environment import limit_library_threads
from processor.isolation import decoder, kernel
from processor.isolation.messages import Ended, line_of
from processor.isolation.sandbox import protection

_RUSAGE_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
_CANNOT_START = 70
"""Exit code of a decoder that failed before it could say why on its line: EX_SOFTWARE of sysexits.h."""


def main(descriptor: int) -> None:
    """Serve until the owner goes away."""
    # The end of standard input ends it; what is sent to a whole group of processes does not.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    import_module("processor.batch.preload")
    limit_library_threads()
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    gc.collect()
    gc.freeze()
    sys.stdout.write(json.dumps(asdict(protection())) + "\n")
    sys.stdout.flush()
    _Server(listener).run()


class _Server:
    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._decoders: dict[int, socket.socket] = {}
        self._poll = select.poll()
        # A byte for every child that ends wakes the poll below.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for readable in (0, self._woken, listener.fileno()):
            self._poll.register(readable, select.POLLIN)

    def run(self) -> None:
        """Until the owner is gone."""
        while True:
            for descriptor, event in self._poll.poll():
                if descriptor == 0:
                    self._end_all()
                    return
                if descriptor == self._woken:
                    os.read(self._woken, 4096)
                elif descriptor == self._listener.fileno():
                    self._accept()
                elif event:
                    self._kill(descriptor)
            self._reap()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        try:
            pid = os.fork()
        except OSError:
            connection.close()  # no process to be had: the other side sees it, and comes again
            return
        if pid == 0:
            self._become_decoder(connection)
        self._decoders[pid] = connection
        # Nothing is read here: only the end of the other side is of interest.
        self._poll.register(connection.fileno(), 0)

    def _become_decoder(self, connection: socket.socket) -> None:
        code = _CANNOT_START
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if sys.platform.startswith("linux"):
                server = os.getppid()
                kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != server:
                    os._exit(0)
            connection.setblocking(True)
            for other in (self._listener, *self._decoders.values()):
                other.close()
            os.close(self._woken)
            os.close(self._wake)
            decoder.serve(connection)
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of the server may run on in a copy of it
            with contextlib.suppress(BaseException):
                sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def _kill(self, descriptor: int) -> None:
        for pid, connection in self._decoders.items():
            if connection.fileno() == descriptor:
                self._poll.unregister(descriptor)
                os.kill(pid, signal.SIGKILL)
                return

    def _reap(self) -> None:
        while self._decoders:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            connection = self._decoders.pop(pid, None)
            if connection is None:
                continue
            ended = Ended(
                exit_code=os.waitstatus_to_exitcode(status),
                peak_bytes=usage.ru_maxrss * _RUSAGE_UNIT_BYTES,
            )
            with contextlib.suppress(KeyError):
                self._poll.unregister(connection.fileno())
            with contextlib.suppress(OSError):
                # By a flag of the call: to wait or not is a property that this side shares with the decoder.
                connection.send(line_of(ended), socket.MSG_DONTWAIT)
            connection.close()

    def _end_all(self) -> None:
        for pid in self._decoders:
            os.kill(pid, signal.SIGKILL)
        for pid in self._decoders:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
