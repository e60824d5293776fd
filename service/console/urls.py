"""Addresses of the pages."""

from django.urls import path
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from service.console.views import files, images, jobs, keys, new, operation, sessions

urlpatterns = [
    path("", jobs.home, name="home"),
    path("sign-in/", sessions.sign_in, name="sign-in"),
    path("sign-out/", sessions.sign_out, name="sign-out"),
    path("sign-out-everywhere/", sessions.sign_out_everywhere, name="sign-out-everywhere"),
    path("choose-password/", sessions.choose_password, name="choose-password"),
    path("account/", sessions.account, name="account"),
    path("language/", require_POST(set_language), name="language"),
    path("jobs/", jobs.history, name="jobs"),
    path("jobs/new/", new.new, name="new-job"),
    path("jobs/<uuid:job_id>/", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/cancel/", jobs.cancel, name="cancel-job"),
    path("jobs/<uuid:job_id>/retry/", jobs.retry, name="retry-job"),
    path("jobs/<uuid:job_id>/images/<uuid:image_id>/", images.image, name="image"),
    path("jobs/<uuid:job_id>/images/<uuid:image_id>/camera.jpg", images.camera_picture, name="camera-picture"),
    path("preview/", new.recipe_preview, name="preview"),
    path("keys/", keys.keys, name="keys"),
    path("keys/<slug:prefix>/rotate/", keys.rotate, name="rotate-key"),
    path("keys/<slug:prefix>/revoke/", keys.revoke, name="revoke-key"),
    path("operation/", operation.operation, name="operator"),
    path("operation/dead-letters/", operation.letters, name="dead-letters"),
    path("operation/dead-letters/redrive/", operation.redrive, name="redrive"),
    path("operation/dead-letters/delete/", operation.delete, name="delete-letters"),
    path("static/<str:version>/<path:rest>", files.other_version),
    path("favicon.ico", files.favicon),
]
