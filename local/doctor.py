"""What this machine has of what Rawmill needs, and how to get the rest. `python -m local.doctor`, or `make doctor`.

Runs before anything is installed and under a Python that is too old, to say so: the standard library alone, and no
syntax newer than Python 3.8. Changes nothing.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Sequence  # noqa: UP035 - collections.abc's cannot be subscripted in 3.8

ROOT = Path(__file__).resolve().parents[1]
_OLDEST = (3, 11)
_DISK_GIB = 6
_MEMORY_GIB = 3
_PROBE = "certifi"
"""A small package of the locks, fetched to see whether the package index answers."""
_SYSTEMS = {("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Darwin", "x86_64")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        needed_for: the commands that do not work without it.
        found: what there is, in a few words.
        remedy: how to get it; empty when it is there.
        required: without it nothing works.
    """

    what: str
    needed_for: str
    found: str
    remedy: str = ""
    required: bool = False

    @property
    def mark(self) -> str:
        """For the first column."""
        return "ok" if not self.remedy else "MISSING" if self.required else "without"


def findings(root: Path = ROOT) -> list[Finding]:
    """Everything, what is required first."""
    return [look(root) for look in _LOOKS]


def report(found: Iterable[Finding]) -> str:
    """The findings as lines for a terminal, with the remedies below."""
    rows = [
        ("", "what", "needed for", "found"),
        *((each.mark, each.what, each.needed_for, each.found) for each in found),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(row[column].ljust(widths[column]) for column in range(4)).rstrip() for row in rows]
    remedies = [f"{each.what}: {each.remedy}" for each in found if each.remedy]
    return "\n".join([*lines, *(["", *remedies] if remedies else [])])


def main() -> int:
    """0 when the README's two commands can work here, 1 when something required is missing."""
    found = findings()
    print(report(found))
    missing = [each.what for each in found if each.required and each.remedy]
    print()
    if missing:
        print(f"make demo and make test cannot work here yet: {', '.join(missing)}")
        return 1
    print("make demo and make test can work here.")
    return 0


def _python(_root: Path) -> Finding:
    version = platform.python_version()
    good = sys.version_info[:2] >= _OLDEST
    remedy = "" if good else "install Python 3.11 or newer, or name one: make PYTHON=python3.12 doctor"
    return Finding("Python 3.11 or newer", "everything", version, remedy, required=True)


def _venv(_root: Path) -> Finding:
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian's python3 comes without
        import venv  # noqa: F401, PLC0415
    except ImportError as error:
        return Finding("venv", "everything", f"no module {error.name}", "apt-get install python3-venv", required=True)
    return Finding("venv", "everything", "there", required=True)


def _system(_root: Path) -> Finding:
    here = (platform.system(), platform.machine())
    remedy = "" if here in _SYSTEMS else "use Linux or macOS on x86-64 or ARM: packages come as wheels for these"
    return Finding("a system that has wheels", "everything", " ".join(here), remedy, required=True)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free / 1024**3
    remedy = "" if free >= _DISK_GIB or _is_set_up(root) else f"free {_DISK_GIB} GiB: packages and sample files"
    return Finding(f"{_DISK_GIB} GiB of disk", "everything", f"{free:.0f} GiB free", remedy, required=True)


def _memory(_root: Path) -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    except (ValueError, OSError):
        return Finding(f"{_MEMORY_GIB} GiB of memory", "make demo, make up", "unknown")
    remedy = "" if total >= _MEMORY_GIB else "the platform runs a database, a queue and a process for each core"
    return Finding(f"{_MEMORY_GIB} GiB of memory", "make demo, make up", f"{total:.0f} GiB", remedy)


def _loopback(_root: Path) -> Finding:
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
    except OSError as error:
        return Finding("ports on 127.0.0.1", "make demo, make up", str(error), "allow programs to listen on loopback")
    return Finding("ports on 127.0.0.1", "make demo, make up", "free ones")


def _package_index(root: Path) -> Finding:
    what, needed_for = "a package index", "make setup"
    if _is_set_up(root):
        return Finding(what, needed_for, "not asked: .venv is there", required=True)
    with tempfile.TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = _run([*download, "--dest", folder, _PROBE], timeout_s=60)
    if done is None or done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip failed"])[-1][:120] if done else "pip does not answer"
        return Finding(
            what, needed_for, said, "connect to PyPI, or name a mirror: pip config set global.index-url URL", True
        )
    return Finding(what, needed_for, "answers", required=True)


def _set_up(root: Path) -> Finding:
    made = [name for name in (".venv", ".venv-aws", "node_modules") if (root / name).exists()]
    remedy = "" if len(made) == 3 else "make demo or make test makes it; make setup setup-aws does by hand"
    return Finding("set-up", "done by every command that needs it", ", ".join(made) or "nothing yet", remedy)


def _git(_root: Path) -> Finding:
    return _program("git", "make diff, make review", "apt-get install git", "--version")


def _docker(_root: Path) -> Finding:
    what, needed_for, remedy = "a Docker engine", "make image, make deploy", "install Docker and start its engine"
    done = _run(["docker", "version", "--format", "{{.Server.Version}}"])
    if done is None:
        return Finding(what, needed_for, "no docker", remedy)
    if done.returncode:
        return Finding(what, needed_for, "docker without an engine", "start the engine, or set DOCKER_HOST")
    return Finding(what, needed_for, done.stdout.strip())


def _browser(_root: Path) -> Finding:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    remedy = "" if found else "apt-get install chromium"
    return Finding("Chromium", "make test-console", found or "none", remedy)


def _packet_filter(_root: Path) -> Finding:
    what, needed_for = "root and nftables", "make audit-oracle"
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    nft = shutil.which("nft") or (Path("/usr/sbin/nft").exists() and "/usr/sbin/nft")
    found = f"{'root' if root else 'not root'}, {'nft' if nft else 'no nft'}"
    return Finding(
        what, needed_for, found, "" if root and nft else "as root on Linux: apt-get install nftables iproute2"
    )


def _aws(_root: Path) -> Finding:
    what, needed_for = "AWS credentials", "make deploy, make diff"
    remedy = "sign in with your AWS command line, or set AWS_PROFILE"
    if any(os.environ.get(name) for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")):
        return Finding(what, needed_for, "named by this shell; not tried")
    configured = any((Path.home() / ".aws" / name).exists() for name in ("credentials", "config"))
    return Finding(what, needed_for, "a profile; not tried" if configured else "none", "" if configured else remedy)


_LOOKS: Sequence[Callable[[Path], Finding]] = (
    _python,
    _venv,
    _system,
    _disk,
    _package_index,
    _memory,
    _loopback,
    _set_up,
    _git,
    _docker,
    _browser,
    _packet_filter,
    _aws,
)


def _is_set_up(root: Path) -> bool:
    return (root / ".venv" / ".up-to-date").exists()


def _program(name: str, needed_for: str, remedy: str, *arguments: str) -> Finding:
    done = _run([name, *arguments]) if shutil.which(name) else None
    if done is None or done.returncode:
        return Finding(name, needed_for, "none", remedy)
    return Finding(name, needed_for, done.stdout.strip().splitlines()[0])


def _run(command: Sequence[str], timeout_s: float = 20) -> subprocess.CompletedProcess[str] | None:
    """What a program says; None when there is none, or it does not answer."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return None


if __name__ == "__main__":
    sys.exit(main())
