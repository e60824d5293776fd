"""Addresses: the API under /v1, and health. The pages beside it are in `service.web.urls`."""

from django.urls import path

from service.api.application import api
from service.api.health import deep_health, health

urlpatterns = [
    path("v1/", api.urls),
    path("health/", health),
    path("health/deep/", deep_health),
]
