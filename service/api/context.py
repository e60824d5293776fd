"""What the API knows of a request: who sent it and what to call it in the logs."""

from typing import cast

from django.http import HttpRequest

from service.jobs.api_keys import Principal


def request_id_of(request: HttpRequest) -> str | None:
    """The id that the middleware gave the request."""
    return getattr(request, "rawmill_request_id", None)


def principal_of(request: HttpRequest) -> Principal:
    """Who was authenticated."""
    return cast(Principal, request.auth)  # type: ignore[attr-defined]
