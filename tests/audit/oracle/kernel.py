"""Network namespaces without names: they live as long as this process holds them, so that nothing is left behind."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


class RefusedError(Exception):
    """The kernel, or what is installed, does not allow to build networks."""


class Namespace:
    """A network of its own, empty at first."""

    def __init__(self, name: str) -> None:
        self.name = name
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.unshare(_CLONE_NEWNET), "unshare")
            try:
                self._fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                _checked(_libc.setns(own, _CLONE_NEWNET), "setns")
        finally:
            os.close(own)

    @property
    def path(self) -> str:
        """Where `ip` finds it while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and the processes that it starts, in the namespace. Sockets stay in it for good."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.setns(self._fd, _CLONE_NEWNET), "setns")
            try:
                yield
            finally:
                _checked(_libc.setns(own, _CLONE_NEWNET), "setns")
        finally:
            os.close(own)

    def ip(self, lines: Iterable[str]) -> None:
        """Run commands of iproute2, one a line."""
        self.run("ip", "-batch", "-", text="\n".join(lines))

    def nft(self, text: str) -> None:
        """Load rules of nftables."""
        self.run("nft", "-f", "-", text=text)

    def run(self, *command: str, text: str = "") -> str:
        """Run a program in the namespace; its output."""
        with self.inside():
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(f"{self.name}: {' '.join(command)}: {done.stderr.strip()[:500]}")
        return done.stdout

    def set(self, **settings: int) -> None:
        """Settings under net.ipv4; two underscores stand for a dot."""
        with self.inside():
            for key, value in settings.items():
                path = Path("/proc/sys/net/ipv4") / key.replace("__", "/")
                try:
                    path.write_text(f"{value}\n")
                except OSError as error:
                    raise RefusedError(f"{path} cannot be set ({error.strerror})") from None

    def close(self) -> None:
        """Let go; the kernel takes it down with everything in it."""
        os.close(self._fd)


def check() -> None:
    """Find out whether networks can be built here.

    Raises:
        RefusedError: they cannot, and why.
    """
    missing = [name for name in ("ip", "nft") if shutil.which(name) is None]
    if missing:
        raise RefusedError(f"{' and '.join(missing)} not installed (Debian: iproute2, nftables)")
    namespace = Namespace("trial")
    try:
        namespace.set(ip_forward=1)
        namespace.nft("table ip trial { chain out { type nat hook postrouting priority 100; ct state new accept; }; }")
    finally:
        namespace.close()


def _checked(result: int, what: str) -> None:
    if result:
        raise RefusedError(f"{what}: {os.strerror(ctypes.get_errno())}")
