"""gunicorn as the web task runs it: threads, time limits, recycled processes, and an orderly leave.

On SIGTERM the task first says no to the load balancer's health checks while it serves on, so that nobody is sent to a
closed door; then it stops to listen, finishes what is under way and exits. A second SIGTERM skips the wait, and where
no load balancer was seen there is none.
"""

import importlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.config import WebConfig
from service.web.drain import drain
from service.web.size import CONNECTIONS, THREADS, open_files, processes

FINISH_S = 15
"""For requests under way after the listening socket closed. With the wait before: less than ECS's 30 s."""
STUCK_S = 60
"""A process whose loop stands still for so long is killed and replaced."""
KEEP_ALIVE_S = 75
"""Longer than the load balancer's idle time of 60 s: a connection must not close under a request on its way."""
REQUESTS_PER_PROCESS = 20_000
MAX_LINE_BYTES = 8190
MAX_HEADERS = 64
MAX_HEADER_BYTES = 8190


class Server(BaseApplication):  # type: ignore[misc,unused-ignore]
    """gunicorn, configured by the task's configuration and nothing else: no file, no variable of its own."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in settings(self._config).items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Called by gunicorn in each process."""
        from service.api.resources import resources  # noqa: PLC0415 - Django is set up by then
        from service.console.security import content_security_policy  # noqa: PLC0415
        from service.web.wsgi import application  # noqa: PLC0415

        resources()  # takes half a second; the first request shall not pay for it
        content_security_policy(self._config)
        return application


def settings(config: WebConfig) -> dict[str, Any]:
    """gunicorn's settings."""
    return {
        "bind": f"{_interface(config)}:{config.port}",
        "worker_class": "service.web.waiting.Worker",
        "workers": processes(),
        "threads": THREADS,
        "worker_connections": CONNECTIONS,
        "sendfile": False,  # it would wait for the client
        "timeout": STUCK_S,
        "graceful_timeout": FINISH_S,
        "keepalive": KEEP_ALIVE_S,
        "max_requests": REQUESTS_PER_PROCESS,
        "max_requests_jitter": REQUESTS_PER_PROCESS // 10,
        "limit_request_line": MAX_LINE_BYTES,
        "limit_request_fields": MAX_HEADERS,
        "limit_request_field_size": MAX_HEADER_BYTES,
        # on a disk, the heartbeat files would stall with it
        "worker_tmp_dir": "/dev/shm",  # noqa: S108
        "control_socket_disable": True,
        "proc_name": "rawmill-web",
        "logger_class": _Logger,
        "errorlog": "-",
        "accesslog": None,
        "pre_request": _before_request,
        "when_ready": _linger_on_sigterm,
        "worker_exit": _close_pool,
    }


def run(config: WebConfig) -> None:
    """Serves until SIGTERM; ends the process."""
    open_files()
    importlib.import_module("service.web.urls")  # before the fork: the processes share its memory and start at once
    Server(config).run()


def _interface(config: WebConfig) -> str:
    """Where customers come from: everywhere, or this machine alone when the address that they use says so."""
    host = urlsplit(config.public_url).hostname or ""
    return "127.0.0.1" if host == "localhost" or host.startswith("127.") else "0.0.0.0"  # noqa: S104


def _before_request(worker: object, request: object) -> None:
    from service.web.waiting import before_request  # noqa: PLC0415 - Django is set up by then

    before_request(worker, request)


def _close_pool(_arbiter: Arbiter, _worker: object) -> None:
    """Ends the pool's threads, which an ending process would else wait for."""
    for connection in connections.all():  # of this thread, which has none open; the pool is the process's
        connection.close_pool()  # type: ignore[attr-defined]


class _Logger(Logger):  # type: ignore[misc,unused-ignore]
    """Leaves handlers and levels alone: `service.logs` has set them up for the whole process."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn's signature
        self.error_log.setLevel("INFO")
        self.error_log.handlers.clear()
        self.error_log.propagate = True


def _linger_on_sigterm(arbiter: Arbiter) -> None:
    """Puts the wait before gunicorn's own handling of SIGTERM."""
    stop = signal.getsignal(signal.SIGTERM)

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        first = not drain.leaving
        drain.leave()
        wait_s = drain.linger_s if first else 0.0
        if wait_s > 0:
            again = threading.Timer(wait_s, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
        elif callable(stop):
            stop(number, frame)

    arbiter.log.info("ready to serve")
    signal.signal(signal.SIGTERM, on_sigterm)
