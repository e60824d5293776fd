"""A new job: files and recipe on one page. The job itself is posted to the API."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from limits import RateLimitItemPerMinute

from processor.batch.inputs import RAW_EXTENSIONS
from processor.encode import available_formats
from processor.errors import ImageError, RecipeError
from processor.recipe import Position
from processor.recipe_io import preset
from processor.types import ColourSpace, Tier
from service import runtime
from service.api import limits
from service.api.context import request_id_of
from service.api.jobs import recipe_problem
from service.api.problems import Code, Problem, answer, retry_after
from service.console import preview
from service.console.access import principal_of, signed_in
from service.jobs.models import MAX_IMAGES

PREVIEWS = RateLimitItemPerMinute(120, namespace="rawmill-previews")
"""Of one user. A slider that is drawn about asks four times a second at most."""


@require_safe
@signed_in
def new(request: HttpRequest) -> HttpResponse:
    """The page."""
    places = {
        Position.TOP_LEFT: _("top left"), Position.TOP: _("top"), Position.TOP_RIGHT: _("top right"),
        Position.LEFT: _("left"), Position.CENTRE: _("centre"), Position.RIGHT: _("right"),
        Position.BOTTOM_LEFT: _("bottom left"), Position.BOTTOM: _("bottom"), Position.BOTTOM_RIGHT: _("bottom right"),
    }  # fmt: skip
    tiers = {Tier.BEST: _("best"), Tier.STANDARD: _("standard"), Tier.FAST: _("fast: the camera's own picture")}
    context: dict[str, Any] = {
        "section": "new",
        "most_files": MAX_IMAGES,
        "most_bytes": runtime.web_config().max_file_bytes,
        "extensions": " ".join(sorted(RAW_EXTENSIONS)),
        "preset": preset("default").model_dump(mode="json"),
        "formats": [kind.value for kind in available_formats()],
        "places": [(place.value, label) for place, label in places.items()],
        "colours": [(ColourSpace.SRGB.value, "sRGB"), (ColourSpace.DISPLAY_P3.value, "Display P3")],
        "tiers": [(tier.value, label) for tier, label in tiers.items()],
    }
    return render(request, "console/new.html", context)


@require_POST
@signed_in
def recipe_preview(request: HttpRequest) -> HttpResponse:
    """The sample picture by a recipe: `{"recipe": …, "rendition": name, "detail": bool}` in, a JPEG out."""
    try:
        made = _preview(request)
    except Problem as problem:
        return answer(problem, request_id=request_id_of(request))
    headers = {"X-Width": str(made.size_px[0]), "X-Height": str(made.size_px[1]), "X-Long-Edge": str(made.long_edge_px)}
    return HttpResponse(made.jpeg, content_type="image/jpeg", headers=headers)


def _preview(request: HttpRequest) -> preview.Preview:
    wait_s = limits.hit(PREVIEWS, principal_of(request).key_prefix)
    if wait_s is not None:
        raise Problem(Code.TOO_MANY_REQUESTS, _("too many previews at once"), headers=retry_after(wait_s))
    try:
        given = json.loads(request.body)
        settings, rendition, detail = given["recipe"], given["rendition"], given["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Problem(Code.MALFORMED_JSON, "recipe, rendition and detail are needed") from None
    if not isinstance(settings, dict) or not isinstance(rendition, str):
        raise Problem(Code.INVALID_REQUEST, "recipe must be an object, rendition a string")
    try:
        return preview.develop(settings, rendition=rendition, detail=detail is True)
    except RecipeError as error:
        raise recipe_problem(error) from None
    except ImageError as error:
        raise Problem(Code.INVALID_RECIPE, str(error)) from None
    except preview.Busy:
        raise Problem(Code.TOO_MANY_STREAMS, _("others are trying recipes, too"), headers=retry_after(2)) from None
