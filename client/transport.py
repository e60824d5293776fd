"""Calls to the API: key, retries, problem documents. Nothing else in the client speaks to the server."""

import copy
import ipaddress
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from client.errors import NetworkError, Problem, ProblemError, ProtocolError, UsageError
from client.retry import Patience, Transient, persistently, retry_after_s
from client.stop import Stop

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
USER_AGENT = "rawmill-client/1"
_MAX_DETAIL = 300


@cache
def tls() -> ssl.SSLContext:
    """The trusted certificates, read once: that takes longer than a call."""
    return httpx.create_ssl_context()


class Transport:
    """A connection pool to one server with one key. Safe to use from several threads.

    Args:
        url: the server's origin, such as `https://rawmill.example.com`.
        key: the API key; it goes to this origin only and into no message.
        patience: how long to try again.
    """

    def __init__(self, url: str, key: str, *, patience: Patience) -> None:
        self.origin = checked_origin(url)
        self._patience = patience
        self._stop = Stop()
        self._http = httpx.Client(
            base_url=self.origin,
            verify=tls(),
            headers={"Authorization": f"Bearer {_checked_key(key)}", "User-Agent": USER_AGENT},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8),
        )

    def with_stop(self, stop: Stop) -> "Transport":
        """The same connections, with a switch of one operation."""
        other = copy.copy(self)
        other._stop = stop
        return other

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON answer of a call, tried again while its failure may pass; None when the answer has no body.

        Every call of this client may be repeated: those that would make something twice carry an idempotency key.

        Raises:
            ProblemError: the server refused.
            NetworkError: it could not be reached, or kept failing.
            ProtocolError: the answer is not JSON.
            Interrupted: while waiting.
        """

        def attempt() -> Any:
            try:
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                raise Transient(unreachable(self.origin, error)) from error
            if answer.is_success:
                return self._decoded(answer)
            raise self._failure(answer)

        return persistently(attempt, patience=self._patience, stop=self._stop)

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str], silence_s: float) -> Iterator[httpx.Response]:
        """An answer that goes on for long, tried once.

        Args:
            path: of the call.
            headers: of the request.
            silence_s: longest time without a byte.

        Raises:
            Transient: it could not be opened or broke off, and may work later.
            ProblemError: the server refused.
        """
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S, read=silence_s)
        try:
            with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                    raise self._failure(answer)
                yield answer
        except httpx.TransportError as error:
            raise Transient(unreachable(self.origin, error)) from error

    def _decoded(self, answer: httpx.Response) -> Any:
        if not answer.content:
            return None
        try:
            return answer.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise ProtocolError(f"{self.origin}: answered with something that is not JSON; is it a Rawmill?") from None

    def _failure(self, answer: httpx.Response) -> Exception:
        error = ProblemError(problem_of(answer))
        if answer.status_code in TRANSIENT_STATUSES:
            return Transient(error, after_s=retry_after_s(answer.headers.get("Retry-After")))
        return error


def problem_of(answer: httpx.Response) -> Problem:
    """The problem document of an answer, or what can be said when a proxy answered with something else."""
    request_id = answer.headers.get("X-Request-Id")
    try:
        document = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        document = None
    if isinstance(document, dict):
        return problem_in(document, status=answer.status_code, request_id=request_id)
    detail = f"the server answered {answer.status_code} {answer.reason_phrase}"
    return Problem(status=answer.status_code, code="", detail=detail, request_id=request_id)


def problem_in(document: object, *, status: int | None = None, request_id: str | None = None) -> Problem:
    """A problem document as this client reads it; also one inside an answer about several images."""
    members: dict[str, Any] = document if isinstance(document, dict) else {"detail": str(document)}
    found = members.get("status")
    status = status or (found if isinstance(found, int) else 0)
    faults = members.get("errors")
    return Problem(
        status=status,
        code=one_line(str(members.get("code") or "")),
        detail=one_line(str(members.get("detail") or members.get("title") or f"status {status}")),
        faults=tuple(_fault(fault) for fault in faults) if isinstance(faults, list) else (),
        request_id=request_id,
    )


def one_line(text: str) -> str:
    """What a server says, safe for a terminal: one line, nothing unprintable, of bounded length."""
    clean = " ".join(printable(text).split())
    return clean if len(clean) <= _MAX_DETAIL else f"{clean[: _MAX_DETAIL - 1]}…"


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: names may hold escape sequences."""
    return "".join(character if character.isprintable() else " " for character in text)


def unreachable(where: str, error: httpx.TransportError) -> NetworkError:
    """A transport failure as the client says it."""
    if isinstance(error, httpx.ConnectError):
        reason = f"cannot connect: {one_line(str(error))}"
    elif isinstance(error, httpx.TimeoutException):
        reason = "no answer in time"
    else:
        reason = f"the connection broke: {one_line(str(error)) or type(error).__name__}"
    return NetworkError(f"{where}: {reason}")


def checked_origin(url: str) -> str:
    """The origin of a server's address.

    Raises:
        UsageError: not an http(s) origin, or one that would send the key in the clear.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UsageError(
            f"server {url!r}: an origin such as https://rawmill.example.com is needed (RAWMILL_URL, --url)"
        )
    if parts.username or parts.password:
        raise UsageError("server: leave name and password out of the address; the API key is what identifies you")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise UsageError(f"server {url!r}: http would send the API key in the clear; use https (http is for localhost)")
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_key(key: str) -> str:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("API key: empty, or with characters that no key has; set RAWMILL_API_KEY or --api-key-file")
    return key


def _fault(fault: object) -> str:
    if not isinstance(fault, dict):
        return one_line(str(fault))
    place = str(fault.get("pointer") or fault.get("parameter") or "").removeprefix("#/")
    detail = str(fault.get("detail") or "")
    return one_line(f"{place}: {detail}" if place else detail)
