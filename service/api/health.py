"""Health: may the load balancer send requests here, and what does this task depend on."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from service.api.context import request_id_of
from service.api.problems import Code, Problem, answer
from service.api.resources import resources
from service.jobs import api_keys
from service.logs import logger
from service.web.drain import drain

_log = logger(__name__)

ANSWER_WITHIN_S = 2.0
DEEP_ANSWER_WITHIN_S = 4.0
_BEHIND_A_PROXY = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Amzn-Trace-Id", "Forwarded")


class _DatabaseProbe:
    """Asks the database whether it answers and has all migrations; one question at a time, never waited for long.

    A database that hangs would otherwise take one thread more with every question.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: Future[str | None] | None = None
        self._migrated_databases: set[str] = set()

    def fault(self, within_s: float) -> str | None:
        """What is wrong, or None."""
        with self._lock:
            if self._asked is None or self._asked.done():
                thread = ThreadPoolExecutor(1, thread_name_prefix="health")
                self._asked = thread.submit(self._ask)
                thread.shutdown(wait=False)
            asked = self._asked
        try:
            return asked.result(within_s)
        except TimeoutError:
            return f"the database does not answer within {within_s:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever it is, this task cannot serve
            _log.warning("health_check_failed", reason=f"{type(error).__name__}: {error}")
            return "the database cannot be reached"

    def _ask(self) -> str | None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_database()")
                name = str(cursor.fetchone()[0])
            if name not in self._migrated_databases:
                executor = MigrationExecutor(connection)
                if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                    return "migrations are missing"
                self._migrated_databases.add(name)
            return None
        finally:
            connection.close()


_database = _DatabaseProbe()


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """200 when this task can serve now: not leaving, database there, migrations applied."""
    if request.headers.get("User-Agent", "").startswith("ELB-HealthChecker/"):
        drain.watched()
    fault = "this task is leaving" if drain.leaving else _database.fault(ANSWER_WITHIN_S)
    if fault is not None:
        return answer(Problem(Code.NOT_READY, fault), request_id=request_id_of(request))
    return JsonResponse({"status": "ok"})


@require_safe
def deep_health(request: HttpRequest) -> HttpResponse:
    """Every dependency and how long it took to answer. For callers inside, or with an API key."""
    if not _may_look_deep(request):
        return answer(Problem(Code.NOT_FOUND, "there is nothing at this address"), request_id=request_id_of(request))
    checks: Mapping[str, Callable[[], str | None]] = {
        "database": lambda: _database.fault(ANSWER_WITHIN_S),
        "session_store": _session_store,
        "queue": _queue,
        "storage": _storage,
        "upload_signer": lambda: _signer("upload_signer"),
        "download_signer": lambda: _signer("download_signer"),
    }
    threads = ThreadPoolExecutor(len(checks), thread_name_prefix="deep-health")
    asked = {name: threads.submit(_timed, check) for name, check in checks.items()}
    wait(asked.values(), timeout=DEEP_ANSWER_WITHIN_S)
    threads.shutdown(wait=False, cancel_futures=True)
    found = {name: _told(future) for name, future in asked.items()}
    healthy = all(entry["status"] == "ok" for entry in found.values())
    document = {"status": "ok" if healthy else "degraded", "leaving": drain.leaving, "dependencies": found}
    return JsonResponse(document, status=200 if healthy else 503)


def _may_look_deep(request: HttpRequest) -> bool:
    """From inside, which is to say not through a load balancer, or by somebody with a key."""
    if not any(name in request.headers for name in _BEHIND_A_PROXY):
        return True
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and api_keys.authenticate(token.strip()) is not None


def _session_store() -> str | None:
    cache.set("health", "ok", 10)
    return None if cache.get("health") == "ok" else "does not keep what it is given"


def _queue() -> str | None:
    resources().queue.depth()
    return None


def _storage() -> str | None:
    resources().uploads.head("uploads/health")  # there is none; that storage says so is what counts
    return None


def _signer(which: str) -> str | None:
    getattr(resources(), which).lifetime()
    return None


def _timed(check: Callable[[], str | None]) -> tuple[str | None, float]:
    started_at = time.perf_counter()
    try:
        fault = check()
    except Exception as error:  # noqa: BLE001 - a dependency that fails in any way is what is asked for
        _log.warning("dependency_failed", reason=f"{type(error).__name__}: {error}")
        fault = type(error).__name__  # messages may name hosts and accounts; they go to the log
    return fault, time.perf_counter() - started_at


def _told(future: Future[tuple[str | None, float]]) -> dict[str, Any]:
    if not future.done():
        return {"status": "failed", "fault": f"no answer within {DEEP_ANSWER_WITHIN_S:.0f} s"}
    fault, seconds = future.result()
    entry: dict[str, Any] = {"status": "ok" if fault is None else "failed", "milliseconds": round(seconds * 1000, 1)}
    if fault is not None:
        entry["fault"] = fault
    return entry
