"""ECS task protection: a task that is at work is not chosen when the service scales in.

The agent's own HTTP endpoint is asked, at the edges between idle and busy. Outside ECS there is none, and nothing
happens. A refusal is logged and never stops the work: what is lost then is time, for messages come back.
"""

import time
from collections.abc import Callable
from functools import partial

import httpx
import structlog

from service.worker.loop import Lane, Loop, pause_s

EXPIRES_MINUTES = 60
"""Should the worker die, its protection ends by itself."""
RENEW_S = EXPIRES_MINUTES * 60 / 2
_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


class Protection:
    """Protects this task while it is busy. Belongs to the loop's thread."""

    def __init__(self, loop: Loop, agent_uri: str | None, *, renew_s: float = RENEW_S) -> None:
        self._loop, self._renew_s = loop, renew_s
        self._url = None if not agent_uri else f"{agent_uri.rstrip('/')}/task-protection/v1/state"
        self._wanted = self._told = False
        self._asking = False
        self._told_s = 0.0
        self._failures = 0
        self._not_before_s = 0.0

    def want(self, busy: bool) -> None:
        """Say whether the task is busy; call it as often as you like."""
        if self._url is None:
            return
        self._wanted = busy
        now_s = time.monotonic()
        due = self._wanted != self._told or (self._told and now_s - self._told_s > self._renew_s)
        if due and not self._asking and now_s >= self._not_before_s:
            self._asking = True
            self._loop.run(Lane.AGENT, partial(_ask, self._url, busy), self._answered(busy))

    def _answered(self, asked: bool) -> Callable[[object], None]:
        def note(answer: object) -> None:
            self._asking = False
            if isinstance(answer, Exception):
                self._failures += 1
                self._not_before_s = time.monotonic() + pause_s(self._failures)
                log.warning("task_protection_failed", protect=asked, failures=self._failures, error=str(answer))
                return
            self._failures = 0
            self._told, self._told_s = asked, time.monotonic()
            log.info("task_protection", protect=asked)

        return note


def _ask(url: str, protect: bool) -> None:
    body: dict[str, object] = {"ProtectionEnabled": protect}
    if protect:
        body["ExpiresInMinutes"] = EXPIRES_MINUTES
    answer = httpx.put(url, json=body, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    # The agent answers 200 also when ECS refused, and says why.
    fields = answer.json()
    trouble = fields.get("failure") or fields.get("error")
    if trouble:
        raise RuntimeError(f"the ECS agent refused: {trouble}")
