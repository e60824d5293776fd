"""The API as a whole: its calls, and how whatever goes wrong in them becomes a problem document."""

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from psycopg_pool import PoolTimeout

from service.api import events, images, jobs, uploads
from service.api.auth import ApiKeyAuth
from service.api.bodies import StrictParser
from service.api.context import request_id_of
from service.api.openapi import complete, problems
from service.api.problems import CATALOGUE, Code, Problem, answer, retry_after, type_of
from service.api.wire import CodeTold
from service.aws.errors import AwsError
from service.logs import logger

_log = logger(__name__)
VERSION = "1.0.0"
_MOST_ERRORS = 100
_UNION_TAGS = ("constrained-", "dict[")
_PLACES = {"query": "parameter", "header": "parameter", "path": "parameter"}


class Api(NinjaAPI):
    """The framework's API with our OpenAPI document."""

    _document: dict[str, Any] | None = None

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:  # noqa: ARG002 - the framework's signature
        """The complete document, made once."""
        if self._document is None:
            self._document = complete(super().get_openapi_schema(path_prefix="v1/", path_params=path_params))
        return self._document  # type: ignore[return-value]

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of the function: what generated clients will call theirs."""
        return str(operation.view_func.__name__)


api = Api(
    title="Rawmill",
    version=VERSION,
    description="Camera RAW files in, finished pictures out. Post a job, upload its files to storage through links, "
    "watch it, download the results.",
    openapi_url=None,
    docs_url=None,
    auth=ApiKeyAuth(),
    parser=StrictParser(),
    urls_namespace="v1",
)
for part in (jobs, images, uploads, events):
    api.add_router("", part.router)


@api.get("/openapi.json", auth=None, response=dict[str, Any], tags=["about"], openapi_extra=problems())
def get_openapi(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 - the framework's signature
    """This document."""
    return dict(api.get_openapi_schema())


@api.get("/problems/{str:code}", auth=None, response=CodeTold, tags=["about"], openapi_extra=problems())
def get_problem(request: HttpRequest, code: str) -> CodeTold:  # noqa: ARG001
    """What the code of a problem means and what to do."""
    try:
        known = Code(code)
    except ValueError:
        raise Problem(Code.NOT_FOUND, "there is no such problem") from None
    kind = CATALOGUE[known]
    return CodeTold(type=type_of(known), code=known, status=kind.status, title=kind.title, remedy=kind.remedy)


@api.exception_handler(Problem)
def _on_problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    return answer(problem, request_id=request_id_of(request))


@api.exception_handler(ValidationError)
def _on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [_fault(fault) for fault in error.errors[:_MOST_ERRORS]]
    first = errors[0]
    place = first.get("pointer") or first.get("parameter")
    return answer(
        Problem(Code.INVALID_REQUEST, f"{place}: {first['detail']}", errors=errors), request_id=request_id_of(request)
    )


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Problem):  # raised by the parser and wrapped by the framework
        return answer(error.__cause__, request_id=request_id_of(request))
    if isinstance(error.__cause__, RequestDataTooBig):
        return answer(Problem(Code.BODY_TOO_LARGE, "the body is too large"), request_id=request_id_of(request))
    return answer(Problem(Code.BAD_REQUEST, error.message), request_id=request_id_of(request))


@api.exception_handler(Http404)
def _on_missing(request: HttpRequest, error: Http404) -> HttpResponse:  # noqa: ARG001
    return answer(Problem(Code.NOT_FOUND, "there is nothing at this address"), request_id=request_id_of(request))


@api.exception_handler(SuspiciousOperation)
def _on_suspicious(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
    """What Django refuses to read, such as thousands of parameters."""
    detail = f"the request cannot be read: {type(error).__name__}"
    return answer(Problem(Code.BAD_REQUEST, detail), request_id=request_id_of(request))


@api.exception_handler(AwsError)
def _on_aws(request: HttpRequest, error: AwsError) -> HttpResponse:
    _log.error("aws_failed", reason=str(error), kind=type(error).__name__)
    problem = Problem(Code.STORAGE_UNAVAILABLE, "storage did not do what it was asked to", headers=retry_after(5))
    return answer(problem, request_id=request_id_of(request))


@api.exception_handler(Exception)
def _on_anything(request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        _log.error("database_failed", reason=f"{type(error).__name__}: {error}")
        problem = Problem(Code.DATABASE_UNAVAILABLE, "the database did not answer", headers=retry_after(2))
    else:
        _log.exception("unhandled", kind=type(error).__name__, database=isinstance(error, DatabaseError))
        problem = Problem(Code.INTERNAL_ERROR, "the request was not answered; its id is in our logs")
    return answer(problem, request_id=request_id_of(request))


def _fault(fault: dict[str, Any]) -> dict[str, str]:
    """pydantic's fault as a place and a sentence. The value itself is not repeated: it may be of any size."""
    source, *path = fault["loc"]
    detail = str(fault["msg"]).removeprefix("Value error, ")
    if source in _PLACES:
        return {"parameter": ".".join(str(part) for part in path), "detail": detail}
    # the first part is the argument's name in our code; tags of unions are no keys of the body either
    keys = [str(part) for part in path[1:] if isinstance(part, int) or not str(part).startswith(_UNION_TAGS)]
    return {"pointer": "#" + "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys), "detail": detail}
