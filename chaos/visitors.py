"""Users who ask the API all the time, politely: what they are refused they ask again, after the time they are told."""

import itertools
import threading
import time
import uuid
from dataclasses import dataclass, field
from functools import partial

import httpx

from chaos.background import Background
from chaos.field import Field

FILE = "later.dng"
"""What the files of posted jobs are called; nobody uploads them."""
PATIENCE_S = 60.0
_PAUSE_S = 0.15
_AGAIN_S = 0.5
_TIMEOUT_S = 10.0


@dataclass(slots=True)
class Visits:
    """How users fared.

    Attributes:
        asked: questions, each asked until it was answered.
        attempts: requests that were sent for them.
        failed: of these, answered with 5xx or not at all.
        unanswered: questions that got no answer within PATIENCE_S.
        longest_s: the longest wait for an answer.
        reasons: failed attempts by status or error.
    """

    asked: int = 0
    attempts: int = 0
    failed: int = 0
    unanswered: int = 0
    longest_s: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def error_rate(self) -> float:
        """Share of attempts that failed."""
        return self.failed / self.attempts if self.attempts else 0.0


class Visitors(Background):
    """Some users at once: most look at their jobs, one posts jobs and cancels them. Use as a context."""

    def __init__(self, target: Field, count: int = 4) -> None:
        super().__init__("visitor", *(partial(self._visit, number) for number in range(count)))
        self._target = target
        self._key = target.key
        self._lock = threading.Lock()
        self._visits = Visits()
        self.keys: list[str] = []
        """Idempotency keys of the jobs that were posted."""

    def since_last(self) -> Visits:
        """What has happened since the last call."""
        with self._lock:
            visits, self._visits = self._visits, Visits()
        return visits

    def _visit(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with httpx.Client(base_url=self._target.url, headers=headers, timeout=_TIMEOUT_S) as client:
            for turn in itertools.count():
                if number == 0 and turn % 4 == 0:
                    self._post_and_cancel(client)
                else:
                    self._ask(client, "GET", "/v1/jobs?limit=20")
                if self._over.wait(_PAUSE_S):
                    return

    def _post_and_cancel(self, client: httpx.Client) -> None:
        key = f"visitor-{uuid.uuid4()}"
        with self._lock:
            self.keys.append(key)
        body = {"recipe": "default", "files": [{"name": FILE, "size_bytes": 1_000_000}]}
        made = self._ask(client, "POST", "/v1/jobs", json=body, headers={"Idempotency-Key": key})
        if made is not None and made.status_code == httpx.codes.ACCEPTED:
            self._ask(client, "DELETE", f"/v1/jobs/{made.json()['job_id']}")

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        *,
        json: object = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:
        """The answer, however often it has to be asked for; None when patience ended."""
        began_s = time.monotonic()
        while True:
            answer, reason = _attempt(client, method, path, json, headers)
            waited_s = time.monotonic() - began_s
            done = reason is None or waited_s > PATIENCE_S
            with self._lock:
                visits = self._visits
                visits.attempts += 1
                if reason is not None:
                    visits.failed += 1
                    visits.reasons[reason] = visits.reasons.get(reason, 0) + 1
                if done:
                    visits.asked += 1
                    visits.unanswered += int(reason is not None)
                    visits.longest_s = max(visits.longest_s, waited_s)
            if done:
                return answer if reason is None else None
            told = None if answer is None else answer.headers.get("Retry-After")
            time.sleep(float(told) if told and told.isdigit() else _AGAIN_S)


def _attempt(
    client: httpx.Client, method: str, path: str, json: object, headers: dict[str, str] | None
) -> tuple[httpx.Response | None, str | None]:
    """The answer, and why it is none that helps."""
    try:
        answer = client.request(method, path, json=json, headers=headers)
    except httpx.TransportError as error:
        return None, type(error).__name__
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return answer, str(answer.status_code)
    return answer, None
