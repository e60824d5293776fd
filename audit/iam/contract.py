"""Holds each role against its calls, in both directions: every call is allowed, and nothing beyond the calls is."""

from collections.abc import Iterator
from dataclasses import dataclass

from audit.assembly import Assembly, Resource
from audit.iam.calls import EVERYWHERE, Call, Calls, RoleCalls
from audit.iam.conditions import Context, keys
from audit.iam.evaluate import DEFAULT_CONTEXT, Decision, Outcome, Request, decide
from audit.iam.globs import covers, overlap
from audit.iam.model import Policies, Principal, Statement
from audit.iam.names import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a role.

    Attributes:
        kind: `insufficient`, `unused`, `trust`, `unknown role` or `forbidden`.
    """

    kind: str
    role: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.role}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReport:
    """How many calls and grants of a role were judged, and what was found."""

    role: str
    calls: int
    grants: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Need:
    """One action of a call with the resource and the context rendered."""

    action: str
    resource: str
    context: Context
    bound: frozenset[str]


class Contract:
    """The calls of a file over the roles of an assembly."""

    def __init__(self, assembly: Assembly, policies: Policies, calls: Calls) -> None:
        self._names = Names(assembly)
        self._policies = policies
        self._calls = calls
        self._resources = _by_path(assembly)
        template = next(iter(assembly.stacks.values()))
        self._place = {"account": template.account or "<account>", "region": template.region or "<region>"}

    def reports(self) -> Iterator[RoleReport]:
        """Every role of the assembly."""
        listed = {path: role for role in self._calls.roles for path in role.paths}
        for principal in self._policies.principals:
            path = _plain(principal.name)
            if path not in listed:
                finding = Finding(kind="unknown role", role=path, what="no call is listed for it")
                yield RoleReport(role=path, calls=0, grants=len(principal.statements), findings=(finding,))
            else:
                yield self._report(principal, listed[path], path)

    def _report(self, principal: Principal, role: RoleCalls, path: str) -> RoleReport:
        findings = list(self._trust(principal, role, path))
        needs: list[_Need] = []
        for call in role.calls:
            for need in self._needs(call):
                if isinstance(need, str):
                    findings.append(Finding(kind="insufficient", role=path, what=need))
                    continue
                needs.append(need)
                request = Request(action=need.action, resource=need.resource, context=need.context)
                decision = decide(self._policies, principal, request)
                if decision.outcome is not Outcome.ALLOWED:
                    what = f"{need.action} on {need.resource} is {_told(decision)}; needed: {call.why}"
                    findings.append(Finding(kind="insufficient", role=path, what=what))
        findings += _unused(principal, needs, path)
        return RoleReport(role=path, calls=len(needs), grants=len(principal.statements), findings=tuple(findings))

    def _needs(self, call: Call) -> Iterator["_Need | str"]:
        base = self._arn(call.on)
        if base is None:
            yield f"{call.on} is no resource of these templates; needed: {call.why}"
            return
        context = {
            **DEFAULT_CONTEXT,
            **{key.lower(): self._arn(value) or value.format(**self._place) for key, value in call.given.items()},
        }
        bound = frozenset(key.lower() for key in call.bound)
        for action in call.actions:
            yield _Need(action, f"{base}{call.below}", context, bound)

    def _arn(self, on: str) -> str | None:
        """The ARN of a construct path, a pattern with the place filled in, or None."""
        if on == EVERYWHERE or on.startswith("arn:"):
            return on.format(**self._place)
        path, _, attribute = on.partition("#")
        resource = self._resources.get(path)
        if resource is None:
            return None
        if attribute == "name":
            return self._names.name(resource)
        if attribute == "master user":
            secret = f"secret:<{resource.address} {attribute}>"
            return f"arn:aws:secretsmanager:{self._place['region']}:{self._place['account']}:{secret}"
        if attribute == "revisions":
            return f"{self._names.arn(resource).rpartition(':')[0]}:*"
        return self._names.name(resource) if resource.kind == "AWS::EC2::VPCEndpoint" else self._names.arn(resource)

    def _trust(self, principal: Principal, role: RoleCalls, path: str) -> Iterator[Finding]:
        named = [
            name
            for statement in principal.trust
            if statement.allow
            for names in (statement.principals or {"nobody": ("nobody",)}).values()
            for name in names
        ]
        expected = self._arn(role.trusts) or role.trusts
        for name in named:
            if name != expected:
                yield Finding(kind="trust", role=path, what=f"{name} may assume it; listed is {role.trusts}")
        if not named:
            yield Finding(kind="trust", role=path, what="nobody may assume it")


def _unused(principal: Principal, needs: list[_Need], path: str) -> Iterator[Finding]:
    """Grants, or parts of them, that no call needs."""
    for statement in principal.statements:
        if not statement.allow:
            continue
        if statement.actions is None or statement.resources is None:
            yield Finding(kind="unused", role=path, what=f"{statement.name} allows all but what it names")
            continue
        for action in statement.actions:
            for resource in statement.resources:
                users = [need for need in needs if _uses(need, statement, action, resource)]
                if not users:
                    what = f"{statement.name} allows {action} on {resource}, and no call needs exactly that"
                    yield Finding(kind="unused", role=path, what=what)
                    continue
                for what in _wide_conditions(statement, users):
                    yield Finding(kind="unused", role=path, what=f"{statement.name}: {action}: {what}")
                missing = frozenset.intersection(*(need.bound for need in users)) - keys(statement.condition)
                for key in sorted(missing):
                    what = f"{statement.name} allows {action} on {resource} without a condition on {key}"
                    yield Finding(kind="unused", role=path, what=what)


def _uses(need: _Need, statement: Statement, action: str, resource: str) -> bool:
    """Whether a call needs all of a grant: one action of one resource pattern, no wider than the call's own."""
    if action != need.action.lower() or not covers(need.resource, resource) or not overlap(resource, need.resource):
        return False
    wanted = {key: value for key, value in need.context.items() if key not in DEFAULT_CONTEXT}
    for entries in statement.condition.values():
        for key, values in entries.items():
            given = wanted.get(key.lower())
            listed = values if isinstance(values, list) else [values]
            if given is not None and not any(covers(str(value), str(given)) for value in listed):
                return False
    return True


def _wide_conditions(statement: Statement, users: list[_Need]) -> Iterator[str]:
    """Values that a condition lets pass and no call has."""
    for entries in statement.condition.values():
        for key, values in entries.items():
            given = {str(need.context[key.lower()]) for need in users if key.lower() in need.context}
            for value in values if isinstance(values, list) else [values]:
                if not any(covers(str(value), one) for one in given):
                    yield f"{key} may be {value}, and no call has that"


def _by_path(assembly: Assembly) -> dict[str, Resource]:
    return {_plain(resource.path): resource for resource in assembly.resources.values()}


def _plain(path: str) -> str:
    """A construct's path without the resource that CDK makes inside of it."""
    return path.removesuffix("/Resource")


def _told(decision: Decision) -> str:
    if decision.outcome is Outcome.DENIED:
        return f"denied{f' by {decision.by[0]}' if decision.by else ': nothing allows it'}"
    if decision.partly:
        return "allowed for some of it only"
    return f"dependent on {', '.join(sorted(decision.open_keys)) or 'what is not known'}"
