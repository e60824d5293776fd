"""Addresses of the pages."""

from django.urls import path
from django.views.i18n import set_language

from service.console.views import files, jobs, new, sessions

urlpatterns = [
    path("", jobs.home, name="home"),
    path("sign-in/", sessions.sign_in, name="sign-in"),
    path("sign-out/", sessions.sign_out, name="sign-out"),
    path("sign-out-everywhere/", sessions.sign_out_everywhere, name="sign-out-everywhere"),
    path("choose-password/", sessions.choose_password, name="choose-password"),
    path("account/", sessions.account, name="account"),
    path("language/", set_language, name="language"),
    path("jobs/", jobs.history, name="jobs"),
    path("jobs/new/", new.new, name="new-job"),
    path("jobs/<uuid:job_id>/", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="cancel-job"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="retry-job"),
    path("jobs/<uuid:job_id>/images/<uuid:image_id>/", jobs.job, name="image"),
    path("preview/", new.recipe_preview, name="preview"),
    path("keys/", jobs.history, name="keys"),
    path("operator/", jobs.history, name="operator"),
    path("static/<str:version>/<path:rest>", files.other_version),
    path("favicon.ico", files.favicon),
]
