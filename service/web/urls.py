"""All addresses of a web task: the API and health checks for programs, the console's pages for people."""

from django.urls import include, path

urlpatterns = [
    path("", include("service.api.urls")),
    path("", include("service.console.urls")),
]

handler400 = "service.console.views.errors.bad_request"
handler403 = "service.console.views.errors.forbidden"
handler404 = "service.console.views.errors.not_found"
handler500 = "service.console.views.errors.broken"
