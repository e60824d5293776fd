"""Users who ask all the time and write down when, who answered and what; they never ask again what failed."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from chaos.background import Background
from chaos.field import Field
from chaos.relay.balancer import ANSWERED_BY

_PAUSE_S = 0.08
_TIMEOUT_S = 10.0
_USERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question.

    Attributes:
        at, until: when it was asked and answered, time.time().
        port: of the task that answered; None when none did.
        result: the status, or the error's name.
    """

    at: float
    until: float
    port: int | None
    result: str

    @property
    def failed(self) -> bool:
        """Whether the user saw an error: 5xx or no answer."""
        return not self.result.isdigit() or self.result.startswith("5")


class Users(Background):
    """A few users at once. Use as a context; afterwards `asked` has every question."""

    def __init__(self, target: Field) -> None:
        super().__init__("user", *[self._ask] * _USERS)
        self._target = target
        self._key = target.key
        self._lock = threading.Lock()
        self._asked: list[Asked] = []

    @property
    def asked(self) -> Sequence[Asked]:
        """Every question so far, by the moment of its answer."""
        with self._lock:
            return list(self._asked)

    def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}"}
        with httpx.Client(base_url=self._target.url, headers=headers, timeout=_TIMEOUT_S) as client:
            while not self._over.wait(_PAUSE_S):
                at = time.time()
                port, result = _answer(client)
                with self._lock:
                    self._asked.append(Asked(at=at, until=time.time(), port=port, result=result))


def _answer(client: httpx.Client) -> tuple[int | None, str]:
    try:
        answer = client.get("/v1/jobs?limit=1")
    except httpx.TransportError as error:
        return None, type(error).__name__
    port = answer.headers.get(ANSWERED_BY)
    return int(port) if port else None, str(answer.status_code)
