"""The operator's pages: the fleet as it is, and what was given up, with another chance for it."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from service import runtime
from service.api.resources import resources
from service.console import fleet, words
from service.console.access import operators_only, principal_of
from service.jobs import dead_letters
from service.jobs.dead_letters import DeadLetter
from service.logs import logger

_log = logger(__name__)
MOST = 100
"""Messages that are looked at for one page, and redriven by one click: a request shall not take long."""


@require_safe
@operators_only
def operation(request: HttpRequest) -> HttpResponse:
    """Queue, workers and failures. With `X-Part: live` only what changes."""
    part = request.headers.get("X-Part") == "live"
    context = {"section": "operator", "fleet": fleet.look()}
    return render(request, "console/operation_live.html" if part else "console/operation.html", context)


@require_safe
@operators_only
def letters(request: HttpRequest) -> HttpResponse:
    """What lies in the dead-letter queue, and why."""
    with dead_letters.looked_at(resources().dead_letters, most=MOST) as found:
        listed = [(letter, words.reason_of(letter.reason_code)) for letter in found]
    codes = Counter(letter.reason_code for letter in found)
    done = {
        name: request.GET[name] for name in ("sent", "stale", "left", "deleted") if request.GET.get(name, "").isdigit()
    }
    context = {
        "section": "operator",
        "letters": listed,
        "codes": [(code, words.reason_of(code).what, number) for code, number in codes.most_common()],
        "most": MOST,
        "is_full": len(listed) == MOST,
        "done": done,
    }
    return render(request, "console/letters.html", context)


@require_POST
@operators_only
def redrive(request: HttpRequest) -> HttpResponse:
    """Gives the chosen messages, or all of a reason code, another chance."""
    parts = resources()
    lifetime = timedelta(days=runtime.web_config().job_lifetime_days)
    done = dead_letters.redrive(parts.dead_letters, parts.queue, chosen=_chosen(request), lifetime=lifetime, most=MOST)
    who = principal_of(request).key_prefix
    _log.info("dead_letters_redriven", sent=done.sent, stale=done.stale, left=done.left, user=who)
    query = urlencode({"sent": done.sent, "stale": done.stale, "left": done.left})
    return HttpResponseRedirect(f"{reverse('dead-letters')}?{query}")


@require_POST
@operators_only
def delete(request: HttpRequest) -> HttpResponse:
    """Throws the chosen messages away; their images stay failed."""
    deleted = dead_letters.purge(resources().dead_letters, chosen=_chosen(request), most=MOST)
    _log.info("dead_letters_deleted", deleted=deleted, user=principal_of(request).key_prefix)
    return HttpResponseRedirect(f"{reverse('dead-letters')}?{urlencode({'deleted': deleted})}")


def _chosen(request: HttpRequest) -> Callable[[DeadLetter], bool]:
    code, ids = request.POST.get("code"), set(request.POST.getlist("letter"))
    if code:
        return lambda letter: letter.reason_code == code
    return lambda letter: letter.message.message_id in ids
