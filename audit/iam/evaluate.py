"""The decision about a request, in AWS's order: explicit denials, then what identity and resource policies allow.

A request may be a pattern (every object below a prefix) and may leave context keys open. The decision is then one
about all requests that fit: allowed, denied, or dependent on what was left open.
Source: IAM user guide, "Policy evaluation logic"; KMS developer guide, "Key policies".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from audit.iam import truth
from audit.iam.conditions import Context, holds, keys
from audit.iam.globs import covers, overlap
from audit.iam.model import Policies, Principal, Protected, Statement
from audit.iam.truth import Truth

DEFAULT_CONTEXT: Context = {"aws:securetransport": "true", "s3:tlsversion": "1.3"}
"""What every request of today's clients carries; a question may say otherwise."""


class Outcome(StrEnum):
    """What happens to a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants to do what to which resource.

    Attributes:
        action: such as `s3:GetObject`.
        resource: an ARN, or a pattern of ARNs.
        context: keys in lower case; added to the default context.
    """

    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome, and what decided.

    Attributes:
        by: names of the deciding statements; empty when nothing allows the request.
        open_keys: context keys that it depends on.
        partly: it holds for some of the resources of the request's pattern only.
    """

    outcome: Outcome
    by: tuple[str, ...] = ()
    open_keys: frozenset[str] = frozenset()
    partly: bool = False


@dataclass(frozen=True, slots=True)
class _Match:
    statement: Statement
    truth: Truth
    """YES: matches every request that fits; OPEN: matches some, or it depends."""
    whole: bool
    """Covers all resources of the request's pattern."""


def decide(policies: Policies, principal: Principal, request: Request) -> Decision:
    """What happens when a role makes a request."""
    context = {**DEFAULT_CONTEXT, "aws:principalarn": principal.arn, **request.context}
    guard = _guard(policies, request)
    on_resource = [
        match for match in _matches(guard.statements if guard else (), request, context) if _concerns(match, principal)
    ]
    own = list(_matches(principal.statements, request, context))
    bounds = None if principal.boundary is None else list(_matches(principal.boundary, request, context))
    everything = [*own, *on_resource, *(bounds or ())]

    denials = [match for match in everything if not match.statement.allow]
    denied = truth.either(match.truth for match in denials)
    if any(match.truth is Truth.YES and match.whole for match in denials):
        return _decision(Outcome.DENIED, [match for match in denials if match.truth is Truth.YES])
    grants = [match for match in own if match.statement.allow]
    direct = [match for match in on_resource if match.statement.allow and not delegates(match.statement)]
    if bounds is not None:
        limit = truth.either(match.truth for match in bounds if match.statement.allow)
        grants = [_limited(match, limit) for match in grants]
        # A policy of the resource that names the role is limited like the role's own; one that names everybody is not.
        direct = [_limited(match, limit) if _names_it(match, principal) else match for match in direct]
    if guard is not None and guard.kind == "AWS::KMS::Key" and not _account_may(guard, request, context):
        # Without the key's own consent no identity policy opens a key.
        grants = []
    grants += direct
    allowed = truth.either(match.truth for match in grants)
    if allowed is Truth.NO:
        return Decision(outcome=Outcome.DENIED)
    certain = [match for match in grants if match.truth is Truth.YES and match.whole]
    if certain and denied is Truth.NO:
        return _decision(Outcome.ALLOWED, certain)
    blamed = [match for match in (*grants, *denials) if match.truth is not Truth.NO]
    return _decision(Outcome.DEPENDS, blamed, context)


def who_can(policies: Policies, request: Request) -> Iterator[tuple[Principal, Decision]]:
    """Every role for which the request is not denied."""
    for principal in policies.principals:
        decision = decide(policies, principal, request)
        if decision.outcome is not Outcome.DENIED:
            yield principal, decision


def matches_action(statement: Statement, action: str) -> bool:
    """Whether a statement is about an action."""
    name = action.lower()
    if statement.actions is not None:
        return any(covers(pattern, name) for pattern in statement.actions)
    return statement.not_actions is not None and not any(covers(pattern, name) for pattern in statement.not_actions)


def _matches(statements: Iterable[Statement], request: Request, context: Context) -> Iterator[_Match]:
    for statement in statements:
        if not matches_action(statement, request.action):
            continue
        some, whole = _resources(statement, request.resource)
        if not some:
            continue
        condition = holds(statement.condition, context)
        if condition is not Truth.NO:
            yield _Match(statement, condition if whole else truth.both([condition, Truth.OPEN]), whole)


def _resources(statement: Statement, wanted: str) -> tuple[bool, bool]:
    """Whether a statement is about some of the resources, and about all of them."""
    if statement.not_resources is not None:
        inside = any(covers(pattern, wanted) for pattern in statement.not_resources)
        touched = any(overlap(pattern, wanted) for pattern in statement.not_resources)
        return not inside, not touched
    if statement.resources is None:
        # Trust policies have no resource: they are about the role that they stand on.
        return True, True
    return (
        any(overlap(pattern, wanted) for pattern in statement.resources),
        any(covers(pattern, wanted) for pattern in statement.resources),
    )


def _guard(policies: Policies, request: Request) -> Protected | None:
    """The resource with a policy of its own that the request is about."""
    for protected in policies.protected:
        if covers(protected.arn, request.resource) or request.resource.startswith(f"{protected.arn}/"):
            return protected
    return None


def _concerns(match: _Match, principal: Principal) -> bool:
    """Whether a resource policy's statement names a role: itself, its account, or everybody."""
    named = match.statement.principals or {}
    account = principal.arn.split(":")[4]
    everybody = {"*", principal.arn, account, f"arn:aws:iam::{account}:root"}
    found = any(pattern in everybody for pattern in named.get("AWS", ()))
    return found != match.statement.negated_principals


def _names_it(match: _Match, principal: Principal) -> bool:
    return principal.arn in (match.statement.principals or {}).get("AWS", ())


def _limited(match: _Match, limit: Truth) -> _Match:
    """A grant as far as a boundary lets it be one."""
    return _Match(match.statement, truth.both([match.truth, limit]), match.whole)


def delegates(statement: Statement) -> bool:
    """A statement that names the account leaves it to the account's own policies who of it may."""
    named = (statement.principals or {}).get("AWS", ())
    return bool(named) and all(":root" in name or name.isdigit() or name == "<account>" for name in named)


def _account_may(guard: Protected, request: Request, context: Context) -> bool:
    return any(
        match.truth is not Truth.NO
        for match in _matches(guard.statements, request_on(guard, request), context)
        if match.statement.allow and delegates(match.statement) and "AWS" in (match.statement.principals or {})
    )


def request_on(guard: Protected, request: Request) -> Request:
    """The request as a key's policy sees it, in which `*` is the key itself."""
    return Request(action=request.action, resource=guard.arn, context=request.context)


def _decision(outcome: Outcome, matches: list[_Match], context: Context | None = None) -> Decision:
    open_keys = (
        frozenset(key for match in matches for key in keys(match.statement.condition) if key not in context)
        if context is not None
        else frozenset()
    )
    return Decision(
        outcome=outcome,
        by=tuple(match.statement.name for match in matches),
        open_keys=open_keys,
        partly=outcome is Outcome.DEPENDS and not any(match.whole and match.statement.allow for match in matches),
    )
