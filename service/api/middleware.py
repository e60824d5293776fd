"""Around every request: its id in the logs, headers that browsers should see, and no error that is not a problem."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from service.api.bodies import check_body, check_form
from service.api.problems import MEDIA_TYPE, Code, Problem, answer
from service.logs import bound, logger

_log = logger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
HEALTH_PATHS = ("/health/", "/health/deep/")
_API_PATHS = re.compile(r"/(?:v1|health)(?:/|$)")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000; includeSubDomains"


def is_of_api(request: HttpRequest) -> bool:
    """Whether a program is to be answered here; everywhere else are the pages of the console."""
    return _API_PATHS.match(request.path) is not None


class RequestContext:
    """The outermost middleware; those of sessions and pages are within."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers one request."""
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        request.rawmill_request_id = request_id  # type: ignore[attr-defined]
        started_at = time.perf_counter()
        structlog.contextvars.unbind_contextvars("tenant")  # of the request that this thread answered before
        with bound(request_id=request_id):
            response = self._answer(request, request_id)
            response.headers["X-Request-Id"] = request_id
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            if request.is_secure():
                response.headers["Strict-Transport-Security"] = _HSTS
            if request.path not in HEALTH_PATHS:
                _log.info(
                    "request",
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    milliseconds=round((time.perf_counter() - started_at) * 1000, 1),
                )
        return response

    def _answer(self, request: HttpRequest, request_id: str) -> HttpResponseBase:
        try:
            if request.path not in HEALTH_PATHS:  # a load balancer asks by address, whatever the host is called
                request.get_host()
                (check_body if is_of_api(request) else check_form)(request)
        except DisallowedHost:
            return answer(Problem(Code.BAD_REQUEST, "Host: not a host of this service"), request_id=request_id)
        except Problem as problem:
            return answer(problem, request_id=request_id)
        response = self._get_response(request)
        if response.status_code < 400 or not is_of_api(request):
            return response
        ours = response.headers.get("Content-Type", "").startswith((MEDIA_TYPE, "application/json"))
        return response if ours else as_problem(request, response, request_id)


def as_problem(request: HttpRequest, response: HttpResponseBase, request_id: str) -> JsonResponse:
    """What Django or the framework answered by itself, as a problem."""
    if response.status_code == 405:
        allowed = response.headers.get("Allow", "")
        problem = Problem(
            Code.METHOD_NOT_ALLOWED, f"{request.method} is not one of: {allowed}", headers={"Allow": allowed}
        )
    elif response.status_code == 404:
        problem = Problem(Code.NOT_FOUND, "there is nothing at this address")
    elif response.status_code == 413:
        problem = Problem(Code.BODY_TOO_LARGE, "the body is too large")
    elif response.status_code < 500:
        problem = Problem(Code.BAD_REQUEST, "the request cannot be understood")
    else:
        problem = Problem(Code.INTERNAL_ERROR, "the request was not answered; its id is in the logs")
    return answer(problem, request_id=request_id)
