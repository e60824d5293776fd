"""Signing in and out, and choosing a password."""

from django.contrib import auth
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from service.accounts import people
from service.accounts.models import User, normal_email
from service.api.auth import user_of
from service.console import attempts
from service.console.access import signed_in, the_user
from service.logs import logger

_log = logger(__name__)
MOST_CHARACTERS = 1024
"""Of a password: hashing more would be work for us and no gain for anybody."""


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Address and password. Whatever is wrong with them, the answer is the same."""
    back = _back_to(request)
    if request.method != "POST":
        if user_of(request) is not None:
            return HttpResponseRedirect(back)
        return render(request, "console/sign_in.html", {"next": back})
    email, password = normal_email(request.POST.get("email", "")), request.POST.get("password", "")
    wait_s = attempts.wait_s(request, email)
    if wait_s is not None:
        minutes = max(1, round(wait_s / 60))
        fault = _("Too many attempts. Try again in %(minutes)s min.") % {"minutes": minutes}
        return _refused(request, email, back, fault, status=429, retry_after_s=wait_s)
    user = auth.authenticate(request, username=email, password=password[:MOST_CHARACTERS])
    if not isinstance(user, User):
        _log.info("sign_in_refused", client=attempts.client_of(request))
        fault = _("Address or password is wrong.")
        return _refused(request, email, back, fault, status=401)
    attempts.succeeded(request, email)
    auth.login(request, user)  # a new session id: one that somebody planted before is worth nothing
    _log.info("signed_in", user=user.pk, tenant=user.tenant_id)
    return HttpResponseRedirect(reverse("choose-password") if user.must_choose_password else back)


def _refused(
    request: HttpRequest, email: str, back: str, fault: str, *, status: int, retry_after_s: float | None = None
) -> HttpResponse:
    response = render(
        request, "console/sign_in.html", {"email": email[:254], "next": back, "fault": fault}, status=status
    )
    if retry_after_s is not None:
        response["Retry-After"] = str(max(1, round(retry_after_s)))
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends this session."""
    auth.logout(request)
    return HttpResponseRedirect(reverse("sign-in"))


@require_POST
@signed_in
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ends every session of this user, this one included."""
    user = the_user(request)
    people.end_sessions(user)
    _log.info("signed_out_everywhere", user=user.pk)
    auth.logout(request)
    return HttpResponseRedirect(reverse("sign-in"))


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def choose_password(request: HttpRequest) -> HttpResponseBase:
    """The first password of one's own, after one that an operator gave out."""
    user = request.user
    if not isinstance(user, User):
        return HttpResponseRedirect(reverse("sign-in"))
    if not user.must_choose_password:
        return HttpResponseRedirect(reverse("account"))
    faults = _set_password(request, user) if request.method == "POST" else []
    if request.method == "POST" and not faults:
        return HttpResponseRedirect(reverse("jobs"))
    return _password_page(request, "console/choose_password.html", user, faults)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def account(request: HttpRequest) -> HttpResponseBase:
    """One's own account: another password, and the end of all sessions."""
    user = the_user(request)
    if request.method != "POST":
        return _password_page(request, "console/account.html", user, [])
    if attempts.wait_s(request, user.email) is not None:
        faults = [_("Too many attempts. Try again later.")]
    elif not user.check_password(request.POST.get("current", "")[:MOST_CHARACTERS]):
        faults = [_("The current password is wrong.")]
    else:
        attempts.succeeded(request, user.email)
        faults = _set_password(request, user)
        if not faults:
            return HttpResponseRedirect(f"{reverse('account')}?changed=1")
    return _password_page(request, "console/account.html", user, faults)


def _password_page(request: HttpRequest, template: str, account: User, faults: list[str]) -> HttpResponse:
    context = {"account": account, "faults": faults, "rules": password_validators_help_texts()}
    return render(request, template, context, status=400 if faults else 200)


def _set_password(request: HttpRequest, user: User) -> list[str]:
    """What is wrong with the new password; nothing when it was set."""
    new, again = request.POST.get("new", ""), request.POST.get("again", "")
    if len(new) > MOST_CHARACTERS:
        return [_("The password is too long.")]
    if new != again:
        return [_("The two passwords differ.")]
    if user.check_password(new):
        return [_("Choose another password than the one that you have.")]
    try:
        validate_password(new, user)
    except ValidationError as error:
        return list(error.messages)
    people.choose_password(user, new)
    auth.login(request, user)  # its other sessions ended; this one goes on under a new id
    _log.info("password_chosen", user=user.pk)
    return []


def _back_to(request: HttpRequest) -> str:
    """Where to go after signing in: a page of ours, wherever the address bar was made to say."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if here and wanted.startswith("/") else reverse("jobs")
