"""Writes state at most once a second, once a request has changed it: ministack itself writes only when it is stopped.

The larger the state, the more seldom: writing takes a tenth of the time at most.

Most requests of a running platform are about queues and objects, and those services' state is small. Everything else
changes with a deployment; then everything is written.
"""

import logging
import re
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import ministack.app
from ministack.core.persistence import PERSIST_STATE

INTERVAL_S = 1.0
_SHARE = 0.1
_ALONE = frozenset({"s3", "sqs", "sts"})
"""Services whose requests change no other service's state."""

_SCOPE = re.compile(rb"(?:Credential=|X-Amz-Credential=)[^,&\s]*?(?:/|%2F)([a-z0-9-]+)(?:/|%2F)aws4_request")
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def install() -> None:
    """Watch requests and start the thread that writes; it ends with the process."""
    if not PERSIST_STATE:
        return
    # One line per service and second would bury everything else.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    changes = _Changes()
    stock_app, stock_save = ministack.app.app, ministack.app.save_all
    one_at_a_time = threading.Lock()

    async def noting_app(scope: _Scope, receive: _Receive, send: _Send) -> None:
        try:
            await stock_app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                changes.note(_service_of(scope))

    def save(services: dict[str, Any]) -> None:
        # The thread and the end of the server would write into the same temporary file.
        with one_at_a_time:
            stock_save(services)

    def write_forever() -> None:
        took_s = 0.0
        while True:
            time.sleep(max(INTERVAL_S, took_s / _SHARE))
            changed = changes.taken()
            if changed:
                began_s = time.monotonic()
                everything = ministack.app._build_persistence_save_dict()
                alone = changed <= _ALONE
                save({name: state for name, state in everything.items() if name in changed} if alone else everything)
                took_s = time.monotonic() - began_s

    ministack.app.app = noting_app
    ministack.app.save_all = save
    threading.Thread(target=write_forever, name="rawmill-flush", daemon=True).start()


class _Changes:
    """Services that had requests since they were last asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: set[str] = set()

    def note(self, service: str) -> None:
        with self._lock:
            self._services.add(service)

    def taken(self) -> set[str]:
        with self._lock:
            services, self._services = self._services, set()
        return services


def _service_of(scope: _Scope) -> str:
    """What a request was signed for; "" for one that is not signed."""
    signed = dict(scope["headers"]).get(b"authorization", b"") or scope["query_string"]
    found = _SCOPE.search(signed)
    return found[1].decode() if found else ""
