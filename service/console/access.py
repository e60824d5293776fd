"""Who may see a page. What a user may not see is not there for them."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from service.accounts.models import User
from service.api.auth import user_of
from service.jobs.api_keys import Principal

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def signed_in(view: View[P]) -> View[P]:
    """For users alone: others are led to the sign-in page and back, and to choose a password where that is due."""

    @functools.wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if user_of(request) is not None:
            return view(request, *args, **kwargs)
        if isinstance(request.user, User):
            return HttpResponseRedirect(reverse("choose-password"))
        back = {"next": request.get_full_path()} if request.method in {"GET", "HEAD"} else {}
        return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode(back)}" if back else reverse("sign-in"))

    return checked


def operators_only(view: View[P]) -> View[P]:
    """For operators alone; for everybody else there is no such page."""

    @functools.wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        user = user_of(request)
        if user is not None and not user.is_operator:
            raise Http404
        return view(request, *args, **kwargs)

    return signed_in(checked)


def the_user(request: HttpRequest) -> User:
    """Who is signed in, in a view that only users reach."""
    user = user_of(request)
    if user is None:
        raise RuntimeError("this view is not behind signed_in")
    return user


def principal_of(request: HttpRequest) -> Principal:
    """The same as the API's functions want it."""
    user = the_user(request)
    return Principal(tenant=user.tenant_id, key_prefix=f"user-{user.pk}")
