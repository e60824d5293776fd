"""Who is calling: API keys as bearer tokens, looked up at every request so that a revoked key is refused at once."""

import structlog
from django.http import HttpRequest
from ninja.security import HttpBearer

from service.api import limits
from service.api.problems import Code, Problem
from service.jobs import api_keys
from service.jobs.api_keys import Principal

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rawmill"'}


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer rawmill_<prefix>_<secret>`."""

    def __call__(self, request: HttpRequest) -> Principal:
        """The caller.

        Raises:
            Problem: no key, or none that is valid; too many requests with it.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(Code.UNAUTHENTICATED, "no API key was sent", headers=_CHALLENGE)
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Principal:
        """The same for the token alone."""
        principal = api_keys.authenticate(token)
        if principal is None:
            raise Problem(Code.UNAUTHENTICATED, "the API key is unknown, expired or revoked", headers=_CHALLENGE)
        structlog.contextvars.bind_contextvars(tenant=principal.tenant)
        limits.check(request, principal.key_prefix)
        return principal
