"""Around the console's pages: their headers, and their language. Calls of the API pass through untouched."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from service import runtime
from service.api.middleware import is_of_api
from service.console.security import PAGE_HEADERS, content_security_policy


class Pages:
    """Gives every page the headers that bound what it may do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers one request."""
        response = self._get_response(request)
        if not is_of_api(request):
            response.headers.setdefault("Content-Security-Policy", content_security_policy(runtime.web_config()))
            for name, value in PAGE_HEADERS.items():
                response.headers.setdefault(name, value)
        return response


class PageLanguage(LocaleMiddleware):
    """The language of somebody's choice, else of their browser; the API speaks English alone."""

    def process_request(self, request: HttpRequest) -> None:
        """Before the view."""
        if is_of_api(request):
            translation.activate(settings.LANGUAGE_CODE)  # this thread may have answered a page before
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """After it."""
        return response if is_of_api(request) else super().process_response(request, response)
