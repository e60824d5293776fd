"""`{% asset 'console/app.css' %}`: the address of a static file, for pages that are made without a request."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def asset(name: str) -> str:
    """Where the file is."""
    return f"{settings.STATIC_URL}{name}"
