"""Container health checks: what they ask, what they answer, and that they need nothing but the standard library."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service import check


def test_a_web_task_is_healthy_when_health_answers_200() -> None:
    with _server(200) as port:
        assert check.web(port) is None
    with _server(503) as port:
        assert check.web(port) == f"GET /health/ on port {port}: 503; it must be 200"


def test_a_web_task_that_does_not_listen_is_not_healthy() -> None:
    with _server(200) as port:
        pass
    assert "refused" in str(check.web(port))


def test_a_worker_is_healthy_while_its_heartbeat_is_young(tmp_path: Path) -> None:
    assert "No such file" in str(check.worker(tmp_path))
    beat = tmp_path / check.HEARTBEAT
    beat.touch()
    assert check.worker(tmp_path) is None
    old = time.time() - 61
    os.utime(beat, (old, old))
    assert "must be younger than 60 s" in str(check.worker(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["worker"], {}, 2, "RAWMILL_SCRATCH"),
        (["web"], {"RAWMILL_PORT": "x"}, 2, "invalid literal"),
        ([], {}, 2, "usage"),
        (["worker"], {"RAWMILL_SCRATCH": "/nonexistent"}, 1, "heartbeat"),
    ],
)
def test_it_runs_without_any_installed_package(
    arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _MAIN, str(Path(check.__file__).parents[1]), *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code
    assert words in done.stderr


_MAIN = "import sys; sys.path.insert(0, sys.argv[1]); from service.check import main; sys.exit(main(sys.argv[2:]))"


@contextmanager
def _server(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
