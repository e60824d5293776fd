"""Who may do what: one rule for every method of every address, and what each kind of caller is answered.

The rules are what reviewers read; test_who_may.py compares them with the addresses that there are and calls each of
them as everybody. `table()` is what stands in docs/security.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Caller(StrEnum):
    """Kinds of callers. The value is the head of the column in the docs."""

    NOBODY = "nobody"
    MALFORMED = "malformed key"
    WRONG = "wrong secret"
    EXPIRED = "expired key"
    REVOKED = "revoked key"
    KEY = "key"
    OTHER_KEY = "another tenant's key"
    MEMBER = "member"
    FORGED = "member, by another site"
    OTHER_MEMBER = "another tenant's member"
    OPERATOR = "operator of another tenant"
    FIRST_PASSWORD = "one-time password"  # noqa: S105 - a name
    ENDED = "ended session"


class Answer(StrEnum):
    """What a caller is told."""

    YES = "yes"
    OWN = "own"
    """Yes, with what is the caller's own; nothing of anybody else's is in it."""
    NO_KEY = "401"
    FORBIDDEN = "403"
    NOT_THERE = "404"
    SIGN_IN = "sign in"
    CHOOSE = "choose a password"


class Rule(StrEnum):
    """Who an address is for."""

    EVERYBODY = "everybody"
    EVERYBODYS_FORM = "everybody, from our own pages"
    TENANT = "the tenant"
    TENANTS_THING = "the tenant whose it is"
    USERS = "users"
    USERS_THING = "users of the tenant whose it is"
    OPERATORS = "operators"
    FIRST_PASSWORD = "who has a one-time password"  # noqa: S105 - a name


_BAD_KEYS = (Caller.MALFORMED, Caller.WRONG, Caller.EXPIRED, Caller.REVOKED)
_KEYS = (*_BAD_KEYS, Caller.KEY, Caller.OTHER_KEY)

RULES: Final[Mapping[str, Rule]] = {
    "GET /health/": Rule.EVERYBODY,
    "GET /health/deep/": Rule.EVERYBODY,
    "GET /v1/openapi.json": Rule.EVERYBODY,
    "GET /v1/problems/<code>": Rule.EVERYBODY,
    "GET /v1/jobs": Rule.TENANT,
    "POST /v1/jobs": Rule.TENANT,
    "GET /v1/jobs/<job_id>": Rule.TENANTS_THING,
    "DELETE /v1/jobs/<job_id>": Rule.TENANTS_THING,
    "GET /v1/jobs/<job_id>/events": Rule.TENANTS_THING,
    "GET /v1/jobs/<job_id>/images": Rule.TENANTS_THING,
    "GET /v1/jobs/<job_id>/images/<image_id>": Rule.TENANTS_THING,
    "GET /v1/jobs/<job_id>/images/<image_id>/upload": Rule.TENANTS_THING,
    "POST /v1/jobs/<job_id>/images/<image_id>/upload": Rule.TENANTS_THING,
    "POST /v1/jobs/<job_id>/images/<image_id>/uploaded": Rule.TENANTS_THING,
    "POST /v1/jobs/<job_id>/uploads": Rule.TENANTS_THING,
    "POST /v1/jobs/<job_id>/uploaded": Rule.TENANTS_THING,
    "GET /": Rule.EVERYBODY,
    "GET /favicon.ico": Rule.EVERYBODY,
    "GET /static/<version>/<rest>": Rule.EVERYBODY,
    "POST /language/": Rule.EVERYBODYS_FORM,
    "GET /sign-in/": Rule.EVERYBODY,
    "POST /sign-in/": Rule.EVERYBODYS_FORM,
    "GET /choose-password/": Rule.FIRST_PASSWORD,
    "POST /choose-password/": Rule.FIRST_PASSWORD,
    "GET /account/": Rule.USERS,
    "POST /account/": Rule.USERS,
    "GET /jobs/": Rule.USERS,
    "GET /jobs/new/": Rule.USERS,
    "GET /jobs/<job_id>/": Rule.USERS_THING,
    "POST /jobs/<job_id>/cancel/": Rule.USERS_THING,
    "POST /jobs/<job_id>/retry/": Rule.USERS_THING,
    "GET /jobs/<job_id>/images/<image_id>/": Rule.USERS_THING,
    "GET /jobs/<job_id>/images/<image_id>/camera.jpg": Rule.USERS_THING,
    "POST /preview/": Rule.USERS,
    "GET /keys/": Rule.USERS,
    "POST /keys/": Rule.USERS,
    "POST /keys/<prefix>/rotate/": Rule.USERS_THING,
    "POST /keys/<prefix>/revoke/": Rule.USERS_THING,
    "GET /operation/": Rule.OPERATORS,
    "GET /operation/dead-letters/": Rule.OPERATORS,
    "POST /operation/dead-letters/redrive/": Rule.OPERATORS,
    "POST /operation/dead-letters/delete/": Rule.OPERATORS,
    "POST /sign-out-everywhere/": Rule.USERS,
    "POST /sign-out/": Rule.EVERYBODYS_FORM,
}
"""Of every address; the last ones end what the calls before them need."""


def expected(call: str, caller: Caller) -> Answer:  # noqa: PLR0911 - one case a line
    """What a caller is answered."""
    rule, changes = RULES[call], not call.startswith("GET ")
    match rule:
        case Rule.EVERYBODY:
            return Answer.YES
        case Rule.TENANT | Rule.TENANTS_THING:
            return _of_api(rule, caller)
        case Rule.EVERYBODYS_FORM:
            return Answer.FORBIDDEN if caller is Caller.FORGED else Answer.YES
    if changes and caller is Caller.FORGED:
        return Answer.FORBIDDEN
    if caller is Caller.ENDED or caller is Caller.NOBODY or caller in _KEYS:
        return Answer.SIGN_IN  # keys are for programs: a page does not look at them
    if rule is Rule.FIRST_PASSWORD:
        return Answer.YES
    if caller is Caller.FIRST_PASSWORD:
        return Answer.CHOOSE
    if rule is Rule.OPERATORS:
        return Answer.YES if caller is Caller.OPERATOR else Answer.NOT_THERE
    own = caller in {Caller.MEMBER, Caller.FORGED}
    return Answer.NOT_THERE if rule is Rule.USERS_THING and not own else Answer.OWN


def _of_api(rule: Rule, caller: Caller) -> Answer:
    if caller in {Caller.NOBODY, Caller.FIRST_PASSWORD, Caller.ENDED, *_BAD_KEYS}:
        return Answer.NO_KEY
    if caller is Caller.FORGED:
        return Answer.FORBIDDEN
    own = caller in {Caller.KEY, Caller.MEMBER}
    return Answer.NOT_THERE if rule is Rule.TENANTS_THING and not own else Answer.OWN


_COLUMNS: Final[tuple[tuple[str, tuple[Caller, ...]], ...]] = (
    ("nobody", (Caller.NOBODY, Caller.ENDED)),
    ("bad key", _BAD_KEYS),
    ("key", (Caller.KEY,)),
    ("another tenant's key", (Caller.OTHER_KEY,)),
    ("member", (Caller.MEMBER,)),
    ("another tenant's member", (Caller.OTHER_MEMBER,)),
    ("operator", (Caller.OPERATOR,)),
    ("one-time password", (Caller.FIRST_PASSWORD,)),
    ("by another site", (Caller.FORGED,)),
)


def table() -> str:
    """The rules as a table in Markdown; callers that are always answered alike share a column."""
    lines = [f"| call | {' | '.join(head for head, _ in _COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for call in RULES:
        cells = []
        for _, callers in _COLUMNS:
            (answer,) = {expected(call, caller) for caller in callers}
            cells.append(answer.value)
        lines.append(f"| `{call}` | {' | '.join(cells)} |")
    return "\n".join(lines)
