"""Problem documents (RFC 9457): every error of the API, what it means and what to do, in one catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

from service import runtime
from service.config import WebConfig

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """Why a request was refused. A contract: clients decide by it what to do."""

    BAD_REQUEST = "bad_request"
    MALFORMED_JSON = "malformed_json"
    UNAUTHENTICATED = "unauthenticated"
    CROSS_SITE_REQUEST = "cross_site_request"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    JOB_ENDED = "job_ended"
    IMAGE_UPLOADED = "image_uploaded"
    NO_UPLOAD = "no_upload"
    UPLOAD_MISSING = "upload_missing"
    UPLOAD_INCOMPLETE = "upload_incomplete"
    UPLOAD_MISMATCH = "upload_mismatch"
    REQUEST_TIMEOUT = "request_timeout"
    LENGTH_REQUIRED = "length_required"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_REQUEST = "invalid_request"
    INVALID_RECIPE = "invalid_recipe"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL_ERROR = "internal_error"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    TOO_MANY_STREAMS = "too_many_streams"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems of a code have in common.

    Attributes:
        title: short, always the same.
        remedy: what the caller does about it.
    """

    status: HTTPStatus
    title: str
    remedy: str


CATALOGUE: Mapping[Code, Kind] = {
    Code.BAD_REQUEST: Kind(
        HTTPStatus.BAD_REQUEST,
        "The request cannot be understood",
        "Correct the request line, the Host header or the encoding; the detail says which.",
    ),
    Code.MALFORMED_JSON: Kind(
        HTTPStatus.BAD_REQUEST,
        "The body is not JSON",
        "Send one JSON document in UTF-8; the detail says where it ends.",
    ),
    Code.UNAUTHENTICATED: Kind(
        HTTPStatus.UNAUTHORIZED,
        "A valid API key is needed",
        "Send `Authorization: Bearer rawmill_…` with a key that has neither expired nor been revoked.",
    ),
    Code.CROSS_SITE_REQUEST: Kind(
        HTTPStatus.FORBIDDEN,
        "The request does not come from a page of ours",
        "Programs send an API key. Only the console's own pages are let in by the cookie of somebody who signed in.",
    ),
    Code.NOT_FOUND: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such thing",
        "Check the address and the ids. What belongs to another tenant is not there for you either.",
    ),
    Code.METHOD_NOT_ALLOWED: Kind(
        HTTPStatus.METHOD_NOT_ALLOWED, "The address does not take this method", "Use a method of the `Allow` header."
    ),
    Code.JOB_ENDED: Kind(
        HTTPStatus.CONFLICT,
        "The job has ended",
        "It was cancelled, has expired, or all its images are settled. Post a new job.",
    ),
    Code.IMAGE_UPLOADED: Kind(
        HTTPStatus.CONFLICT, "The image is there already", "Nothing is left to upload for it; watch its status."
    ),
    Code.NO_UPLOAD: Kind(
        HTTPStatus.CONFLICT, "No multipart upload has begun", "Ask for links first: `POST …/images/{image_id}/upload`."
    ),
    Code.UPLOAD_MISSING: Kind(
        HTTPStatus.CONFLICT,
        "Nothing was uploaded yet",
        "Upload the file with the link, then confirm again. An expired link: ask for a new one.",
    ),
    Code.UPLOAD_INCOMPLETE: Kind(
        HTTPStatus.CONFLICT,
        "Parts of the upload are missing",
        "Ask for links again: the answer has those of the missing parts. Upload them, then confirm again.",
    ),
    Code.UPLOAD_MISMATCH: Kind(
        HTTPStatus.CONFLICT,
        "What was uploaded is not what was announced",
        "The detail says what differs. Ask for a link again and upload the right file.",
    ),
    Code.REQUEST_TIMEOUT: Kind(
        HTTPStatus.REQUEST_TIMEOUT,
        "The request did not arrive in time",
        "Send it again in one go. A body of 8 MiB has five minutes.",
    ),
    Code.LENGTH_REQUIRED: Kind(
        HTTPStatus.LENGTH_REQUIRED, "The length of the body is needed", "Send `Content-Length`, not a chunked body."
    ),
    Code.BODY_TOO_LARGE: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large",
        "A body has at most 8 MiB. Files go to storage through links, never through the API.",
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body must be JSON", "Send `Content-Type: application/json`."
    ),
    Code.INVALID_REQUEST: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request has invalid values",
        "Correct what `errors` points at.",
    ),
    Code.INVALID_RECIPE: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The recipe is not valid", "Correct what `errors` points at."
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The idempotency key was used with another body",
        "Use a new key for a new job; repeat a request with exactly the body that it had.",
    ),
    Code.TOO_MANY_REQUESTS: Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", "Wait as long as `Retry-After` says; use the bulk calls."
    ),
    Code.INTERNAL_ERROR: Kind(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something broke on our side",
        "Try again; when it stays, tell the operator the `request_id`.",
    ),
    Code.STORAGE_UNAVAILABLE: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Storage does not answer", "Try again after `Retry-After`; nothing is lost."
    ),
    Code.DATABASE_UNAVAILABLE: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer", "Try again after `Retry-After`."
    ),
    Code.TOO_MANY_STREAMS: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many event streams are open",
        "Try again after `Retry-After`, or ask for the job now and then.",
    ),
    Code.NOT_READY: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "This task does not serve now",
        "Ask again; the load balancer will find another.",
    ),
}


class Problem(Exception):  # noqa: N818 - named as RFC 9457 does
    """A refusal on its way to the caller.

    Attributes:
        code: which.
        detail: what is wrong this time, for people.
        errors: places and what is allowed there.
        headers: of the answer.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def status(self) -> HTTPStatus:
        """Of the answer."""
        return CATALOGUE[self.code].status

    def document(self) -> dict[str, Any]:
        """The problem document."""
        kind = CATALOGUE[self.code]
        document: dict[str, Any] = {
            "type": type_of(self.code),
            "title": kind.title,
            "status": kind.status.value,
            "detail": self.detail,
            "code": self.code.value,
        }
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors]
        return document


def type_of(code: Code) -> str:
    """The address that explains a problem's kind."""
    config = runtime.configured()
    origin = config.public_url if isinstance(config, WebConfig) else ""
    return f"{origin}/v1/problems/{code}"


def answer(problem: Problem, *, request_id: str | None = None) -> JsonResponse:
    """The HTTP answer."""
    document = problem.document()
    if request_id is not None:
        document["request_id"] = request_id
    return JsonResponse(document, status=problem.status.value, content_type=MEDIA_TYPE, headers=problem.headers)


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come back."""
    return {"Retry-After": str(max(1, int(seconds)))}
