"""Holds each role against its calls, in both directions: every call is allowed, and nothing beyond the calls is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from audit.assembly import Assembly
from audit.iam.calls import Call, Calls, RoleCalls
from audit.iam.conditions import Context, holds, keys
from audit.iam.evaluate import DEFAULT_CONTEXT, Decision, Outcome, Request, decide, matches_action
from audit.iam.findings import Finding, Report
from audit.iam.globs import covers
from audit.iam.model import Policies, Principal, Statement
from audit.iam.places import Places, plain
from audit.iam.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One action of a call, with the resource and the context filled in."""

    action: str
    resource: str
    context: Context
    bound: frozenset[str]


def role_reports(assembly: Assembly, policies: Policies, calls: Calls) -> Iterator[Report]:
    """Every role of the assembly."""
    places = Places(assembly)
    listed = {path: role for role in calls.roles for path in role.paths}
    for principal in policies.principals:
        path = plain(principal.name)
        if path in listed:
            yield _report(policies, principal, listed[path], path, places)
        else:
            finding = Finding(kind="unknown role", subject=path, what="no call is listed for it")
            yield Report(subject=path, calls=0, statements=len(principal.statements), findings=(finding,))


def _report(policies: Policies, principal: Principal, role: RoleCalls, path: str, places: Places) -> Report:
    findings = list(_trust(principal, role, path, places))
    needs: list[Need] = []
    for call in role.calls:
        found = list(needs_of(call, places))
        if not found:
            what = f"{call.on} is no resource of these templates; needed: {call.why}"
            findings.append(Finding(kind="insufficient", subject=path, what=what))
        needs += found
        for need in found:
            request = Request(action=need.action, resource=need.resource, context=need.context)
            decision = decide(policies, principal, request)
            if decision.outcome is not Outcome.ALLOWED:
                what = f"{need.action} on {need.resource} is {_told(decision)}; needed: {call.why}"
                findings.append(Finding(kind="insufficient", subject=path, what=what))
    for statement in principal.statements:
        if statement.allow:
            findings += [Finding(kind="unused", subject=path, what=what) for what in unused(statement, needs)]
    return Report(subject=path, calls=len(needs), statements=len(principal.statements), findings=tuple(findings))


def needs_of(call: Call, places: Places) -> Iterator[Need]:
    """One need for each action; none when the resource is not there."""
    base = places.arn(call.on)
    if base is not None:
        context = {**DEFAULT_CONTEXT, **places.context(call.given)}
        bound = frozenset(key.lower() for key in call.bound)
        for action in call.actions:
            yield Need(action=action, resource=f"{base}{places.filled(call.below)}", context=context, bound=bound)


def unused(statement: Statement, needs: Iterable[Need]) -> Iterator[str]:
    """The parts of a grant that no call needs: actions, resources, values that its condition lets pass."""
    if statement.actions is None or statement.resources is None:
        yield f"{statement.name} allows all but what it names"
        return
    for action in statement.actions:
        for resource in statement.resources:
            users = [need for need in needs if _uses(need, statement, action, resource)]
            if not users:
                yield f"{statement.name} allows {action} on {resource}, and no call needs exactly that"
                continue
            for what in _wide_conditions(statement, users):
                yield f"{statement.name}: {action}: {what}"
            missing = frozenset.intersection(*(need.bound for need in users)) - keys(statement.condition)
            for key in sorted(missing):
                yield f"{statement.name} allows {action} on {resource} without a condition on {key}"


def _uses(need: Need, statement: Statement, action: str, resource: str) -> bool:
    """Whether a call needs all of a grant: an action and resources no wider than the call's own."""
    if not covers(need.action.lower(), action) or not covers(need.resource, resource):
        return False
    wanted = {key: value for key, value in need.context.items() if key not in DEFAULT_CONTEXT}
    for entries in statement.condition.values():
        for key, values in entries.items():
            given = wanted.get(key.lower())
            listed = values if isinstance(values, list) else [values]
            if given is not None and not any(covers(str(value), str(given)) for value in listed):
                return False
    return True


def _wide_conditions(statement: Statement, users: list[Need]) -> Iterator[str]:
    """Values that a condition lets pass and no call has."""
    for operator, entries in statement.condition.items():
        for key, values in entries.items():
            given = {str(need.context[key.lower()]) for need in users if key.lower() in need.context}
            listed = values if isinstance(values, list) else [values]
            if not given and all(key.lower() in need.bound for need in users) and _is_one_value(operator, listed):
                # Which one is for the settings of the environment to say.
                continue
            for value in listed:
                if not any(covers(one, str(value)) for one in given):
                    yield f"{key} may be {value}, and no call has that"


def _is_one_value(operator: str, values: list[object]) -> bool:
    """Whether a condition lets exactly one value pass."""
    return operator in {"StringEquals", "StringLike"} and len(values) == 1 and not {"*", "?"} & set(str(values[0]))


def _trust(principal: Principal, role: RoleCalls, path: str, places: Places) -> Iterator[Finding]:
    """Who may assume the role: exactly whom the file names, by exactly one action, under the conditions it names."""
    expected = places.arn(role.trusts) or role.trusts
    need = Need(
        action=role.assumed_by,
        resource="*",
        context={**DEFAULT_CONTEXT, **places.context(role.given)},
        bound=frozenset(key.lower() for key in role.bound),
    )
    welcome = False
    for statement in principal.trust:
        named = [name for names in (statement.principals or {}).values() for name in names]
        strangers = [name for name in named if name != expected]
        if strangers and statement.allow:
            what = f"{', '.join(strangers)} may assume it; listed is {role.trusts}"
            yield Finding(kind="trust", subject=path, what=what)
        matches = matches_action(statement, need.action) and expected in named
        holding = holds(statement.condition, need.context)
        if not statement.allow and matches and holding is not Truth.NO:
            yield Finding(kind="trust", subject=path, what=f"{statement.name} refuses {role.trusts}")
        left_open = keys(statement.condition) - need.context.keys()
        certain = holding is Truth.YES or (holding is Truth.OPEN and left_open <= need.bound)
        welcome = welcome or (statement.allow and matches and certain)
        if statement.allow:
            anywhere = replace(statement, resources=("*",))
            yield from (Finding(kind="trust", subject=path, what=what) for what in unused(anywhere, [need]))
    if not welcome:
        yield Finding(kind="trust", subject=path, what=f"{role.trusts} may not assume it")


def _told(decision: Decision) -> str:
    if decision.outcome is Outcome.DENIED:
        return f"denied{f' by {decision.by[0]}' if decision.by else ': nothing allows it'}"
    if decision.partly:
        return "allowed for some of it only"
    return f"dependent on {', '.join(sorted(decision.open_keys)) or 'what is not known'}"
