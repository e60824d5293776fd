"""Who is calling: a program with an API key, or a page of the console for somebody who signed in.

Keys are bearer tokens, looked up at every request so that a revoked one is refused at once. A session counts only where
no other site can make a browser use it: with the page's CSRF token, and for requests that come from our own pages.
"""

import structlog
from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.utils import check_csrf
from redis.exceptions import RedisError

from service.accounts.models import User
from service.api import limits
from service.api.problems import Code, Problem, retry_after
from service.jobs import api_keys
from service.jobs.api_keys import Principal

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rawmill"'}
_OUR_PAGES = frozenset({"same-origin", "none"})
"""Of Sec-Fetch-Site. `none`: typed into the address bar."""


class ApiKeyAuth(HttpBearer):
    """`Authorization: Bearer rawmill_<prefix>_<secret>`, or the session of the console."""

    def __call__(self, request: HttpRequest) -> Principal:
        """The caller.

        Raises:
            Problem: no key, or none that is valid; a session used by another site; too many requests.
        """
        if "Authorization" not in request.headers and settings.SESSION_COOKIE_NAME in request.COOKIES:
            return _checked(request, _signed_in(request))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(Code.UNAUTHENTICATED, "no API key was sent", headers=_CHALLENGE)
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Principal:
        """The same for the token alone."""
        principal = api_keys.authenticate(token)
        if principal is None:
            raise Problem(Code.UNAUTHENTICATED, "the API key is unknown, expired or revoked", headers=_CHALLENGE)
        return _checked(request, principal)


def user_of(request: HttpRequest) -> User | None:
    """Who signed in and may do what users do; None for one who has yet to choose a password."""
    user = request.user
    return user if isinstance(user, User) and not user.must_choose_password else None


def _signed_in(request: HttpRequest) -> Principal:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in _OUR_PAGES or check_csrf(request) is not None:
        raise Problem(Code.CROSS_SITE_REQUEST, "a session was sent without the CSRF token of a page of ours")
    try:
        user = user_of(request)
    except RedisError:
        raise Problem(Code.DATABASE_UNAVAILABLE, "the session store did not answer", headers=retry_after(2)) from None
    if user is None:
        raise Problem(Code.UNAUTHENTICATED, "nobody is signed in with this session", headers=_CHALLENGE)
    return Principal(tenant=user.tenant_id, key_prefix=f"user-{user.pk}")


def _checked(request: HttpRequest, principal: Principal) -> Principal:
    structlog.contextvars.bind_contextvars(tenant=principal.tenant)
    limits.check(request, principal.key_prefix)
    return principal
