"""Files that are asked for under an address that is not theirs."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from service.console.static_files import STATIC_FOLDER, static_version


@require_safe
def other_version(request: HttpRequest, version: str, rest: str) -> HttpResponse:  # noqa: ARG001 - the address's parts
    """During a deployment a page of one version may ask a task of another: it gets the file that this one has."""
    file = (STATIC_FOLDER / rest).resolve()
    if version == static_version() or not file.is_relative_to(STATIC_FOLDER) or not file.is_file():
        raise Http404
    return HttpResponseRedirect(f"{settings.STATIC_URL}{rest}")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Where browsers look without being told."""
    return HttpResponseRedirect(f"{settings.STATIC_URL}console/icon.svg")
