"""Rate limits per API key, shared by all web tasks through Redis. Without Redis everything is served."""

import threading
import time
from dataclasses import dataclass

from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service import runtime
from service.api.problems import Code, Problem, retry_after
from service.config import WebConfig
from service.logs import logger
from service.settings import session_store_url

_log = logger(__name__)

JOBS = RateLimitItemPerMinute(1200, namespace="rawmill-jobs")
"""New jobs: each may bring ten thousand images."""
CALLS = RateLimitItemPerMinute(6000, namespace="rawmill-calls")
"""Everything together."""
STORE_TIMEOUT_S = 0.5
PAUSE_S = 10.0
"""After a failure Redis is left alone for so long: waiting for it in every request would be an outage of its own."""


@dataclass
class _Limiter:
    config: WebConfig
    window: SlidingWindowCounterRateLimiter
    closed_until: float = 0.0


_lock = threading.Lock()
_made: _Limiter | None = None


def check(request: HttpRequest, key: str) -> None:
    """Counts a request of an API key.

    Raises:
        Problem: it is one too many.
    """
    wanted = [CALLS]
    if request.method == "POST" and request.path == "/v1/jobs":
        wanted.append(JOBS)
    limiter = _limiter()
    if time.monotonic() < limiter.closed_until:
        return
    try:
        for item in wanted:
            if not limiter.window.hit(item, key):
                raise _refusal(limiter, item, key)
    except RedisError as error:
        limiter.closed_until = time.monotonic() + PAUSE_S
        _log.warning("rate_limits_off", reason=type(error).__name__, seconds=PAUSE_S)


def hit(item: RateLimitItem, key: str) -> float | None:
    """Counts something that `key` did; seconds to wait when it was one too many.

    Raises:
        redis.exceptions.RedisError: it cannot be counted.
    """
    window = _limiter().window
    return None if window.hit(item, key) else max(1.0, window.get_window_stats(item, key).reset_time - time.time())


def forget(item: RateLimitItem, key: str) -> None:
    """Takes back all that was counted of `key`.

    Raises:
        redis.exceptions.RedisError: it cannot be reached.
    """
    _limiter().window.clear(item, key)


def _refusal(limiter: _Limiter, item: RateLimitItem, key: str) -> Problem:
    wait_s = limiter.window.get_window_stats(item, key).reset_time - time.time()
    what = "new jobs" if item is JOBS else "calls"
    return Problem(
        Code.TOO_MANY_REQUESTS,
        f"this API key has made its {item.amount} {what} of this minute",
        headers=retry_after(min(60.0, max(wait_s, 1.0))),
    )


def _limiter() -> _Limiter:
    global _made  # noqa: PLW0603 - one process, one limiter
    config = runtime.web_config()
    with _lock:
        if _made is None or _made.config is not config:
            storage = RedisStorage(
                session_store_url(config),
                key_prefix=f"rawmill:{config.environment}:limits",
                socket_timeout=STORE_TIMEOUT_S,
                socket_connect_timeout=STORE_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]
            )
            _made = _Limiter(config, SlidingWindowCounterRateLimiter(storage))
        return _made
