"""Pages for what went wrong: a page where a page was asked for, a problem document everywhere else."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from service.api.context import request_id_of
from service.api.middleware import as_problem, is_of_api
from service.aws.errors import AwsError
from service.logs import logger

_log = logger(__name__)
_ELSEWHERE = (RedisError, OperationalError, InterfaceError, PoolTimeout, AwsError)
"""Something that this task stands on did not answer: it may in a moment."""


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """400."""
    return _page(request, 400, _("This request cannot be understood"), _("Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """403."""
    return _page(request, 403, _("This is not allowed"), _("Your account may not do this."))


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403, for a form without the token of a page of ours."""
    _log.warning("cross_site_request", reason=reason)
    detail = _("It was open for too long, or you have signed in anew since. Load the page again and repeat the step.")
    return _page(request, 403, _("This page has expired"), detail)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """404."""
    detail = _("The address is wrong, what was here is gone, or it belongs to somebody else.")
    return _page(request, 404, _("There is nothing here"), detail)


def broken(request: HttpRequest) -> HttpResponse:
    """500, or 503 when it is not this task that fails."""
    error = sys.exc_info()[1]
    if isinstance(error, _ELSEWHERE):
        _log.error("page_failed", reason=f"{type(error).__name__}: {error}")
        detail = _("Something that Rawmill needs does not answer. Nothing is lost; try again in a moment.")
        response = _page(request, 503, _("Not available right now"), detail)
        response["Retry-After"] = "5"
        return response
    detail = _("Try again. If it stays, tell your operator this number: %(number)s") % {
        "number": request_id_of(request) or "–"
    }
    return _page(request, 500, _("Something broke on our side"), detail)


def _page(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    """Without a look at the session or the database, for these may be what is broken."""
    if is_of_api(request) or "text/html" not in request.headers.get("Accept", ""):
        return as_problem(request, HttpResponse(status=status), request_id_of(request) or "")
    return HttpResponse(render_to_string("console/error.html", {"title": title, "detail": detail}), status=status)
