"""API keys of the tenant: made, rotated, revoked. A token is shown once, on the page that answers its making."""

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from service.console.access import principal_of, signed_in, the_user
from service.jobs import api_keys
from service.jobs.api_keys import NewKey
from service.jobs.models import ApiKey
from service.logs import logger

_log = logger(__name__)
LIFETIMES_DAYS = (30, 90, 365)
OVERLAP = timedelta(hours=24)
_LONGEST_NAME = 100


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def keys(request: HttpRequest) -> HttpResponse:
    """All keys; a POST makes one."""
    if request.method != "POST":
        return _page(request)
    name, days = request.POST.get("name", "").strip(), request.POST.get("days", "")
    if not 1 <= len(name) <= _LONGEST_NAME:
        return _page(request, fault=_("Say in 1 to 100 characters what the key is for."))
    lifetime = timedelta(days=int(days)) if days in {str(each) for each in LIFETIMES_DAYS} else None
    made = api_keys.create(tenant=the_user(request).tenant_id, name=name, lifetime=lifetime)
    _log.info("api_key_made", prefix=made.prefix, user=principal_of(request).key_prefix)
    return _page(request, made=made)


@require_POST
@signed_in
def rotate(request: HttpRequest, prefix: str) -> HttpResponse:
    """Makes a key in the place of another, which stays valid for a day."""
    made = api_keys.rotate(prefix, overlap=OVERLAP, tenant=the_user(request).tenant_id)
    if made is None:
        raise Http404
    _log.info("api_key_rotated", prefix=made.prefix, replaced=prefix, user=principal_of(request).key_prefix)
    return _page(request, made=made)


@require_POST
@signed_in
def revoke(request: HttpRequest, prefix: str) -> HttpResponse:
    """Ends a key at once."""
    if not api_keys.revoke(prefix, tenant=the_user(request).tenant_id):
        raise Http404
    _log.info("api_key_revoked", prefix=prefix, user=principal_of(request).key_prefix)
    return HttpResponseRedirect(reverse("keys"))


def _page(request: HttpRequest, *, made: NewKey | None = None, fault: str | None = None) -> HttpResponse:
    listed = [(key, _state(key)) for key in reversed(api_keys.listed(the_user(request).tenant_id))]
    context = {"section": "keys", "keys": listed, "made": made, "fault": fault, "lifetimes": LIFETIMES_DAYS}
    return render(request, "console/keys.html", context, status=400 if fault else 200)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "valid"
