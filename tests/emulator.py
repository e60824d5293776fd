"""The emulated AWS of the tests: a child process from a virtual environment of its own, which is made when needed."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements-aws.txt"
VENV = ROOT / ".venv-aws"
STARTS_WITHIN_S = 60


def python() -> Path:
    """The interpreter of `.venv-aws`, after bringing it to the locked requirements."""
    stamp = VENV / ".up-to-date"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    with FileLock(f"{VENV}.lock"):
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
            command = [str(VENV / "bin" / "python"), *install, "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
            subprocess.run(command, check=True)
            stamp.write_text(wanted, encoding="utf-8")
    return VENV / "bin" / "python"


@contextmanager
def running(script: Path, scratch: Path) -> Iterator[str]:
    """The endpoint of an emulator that a script starts; stopped at the end of the block."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    log = scratch / "emulator.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen([str(python()), str(script)], env=environment, stdout=output, stderr=output)
    try:
        _wait_for(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the emulated AWS did not start: {log.read_text(encoding='utf-8')[-2000:]}")
