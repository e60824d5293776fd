"""Bounds how often a password may be tried: by address, by client, and by both, counted for all web tasks in Redis."""

import hashlib

from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerMinute

from service.api import limits

_MINUTES = 15
PER_CLIENT_AND_ADDRESS = RateLimitItemPerMinute(8, _MINUTES, namespace="rawmill-sign-in-both")
PER_ADDRESS = RateLimitItemPerMinute(40, _MINUTES, namespace="rawmill-sign-in-address")
"""From many clients. Well above the limit from one, so that nobody can lock a user out from a single place."""
PER_CLIENT = RateLimitItemPerMinute(100, _MINUTES, namespace="rawmill-sign-in-client")
"""Of many addresses: an office behind one address of the internet still gets in."""


def wait_s(request: HttpRequest, email: str) -> float | None:
    """Counts an attempt before it is made; seconds to wait when it is one too many.

    Raises:
        redis.exceptions.RedisError: it cannot be counted. Without Redis there are no sessions to sign in to, either.
    """
    counted = [*_of_address(request, email), (PER_CLIENT, client_of(request))]
    waits = [wait for item, key in counted if (wait := limits.hit(item, key)) is not None]
    return max(waits, default=None)


def succeeded(request: HttpRequest, email: str) -> None:
    """Who knows the password was not guessing: what was counted for the address is taken back."""
    for item, key in _of_address(request, email):
        limits.forget(item, key)


def _of_address(request: HttpRequest, email: str) -> list[tuple[RateLimitItem, str]]:
    address = hashlib.sha256(email.encode()).hexdigest()
    return [(PER_CLIENT_AND_ADDRESS, f"{client_of(request)}/{address}"), (PER_ADDRESS, address)]


def client_of(request: HttpRequest) -> str:
    """The client's address: the load balancer's word, which stands last, before what a client says of itself."""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded or str(request.META.get("REMOTE_ADDR", ""))
