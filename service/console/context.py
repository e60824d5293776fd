"""What every template knows besides what its view tells it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from service.api.auth import user_of


def about(request: HttpRequest) -> dict[str, Any]:
    """Who is signed in, where static files are, and which languages there are."""
    return {"user": user_of(request), "static": settings.STATIC_URL, "languages": settings.LANGUAGES}
