"""Permissions that a change gives or takes: what may be done to which resource on which condition, not the statements.

Two sets of statements that allow the same are the same, however they are cut; what a wider one covers is not new.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from typing import Any

from audit.assembly import Address, Assembly
from audit.iam.evaluate import Outcome, Request, decide
from audit.iam.globs import covers
from audit.iam.model import Policies, Principal, Protected, Statement
from audit.iam.places import plain

_ALL_BUT = "all but "
_EXACT = frozenset({"StringEquals", "ArnEquals", "Bool", "NumericEquals", "IpAddress", "Null"})
_PATTERNS = frozenset({"StringLike", "ArnLike", "ArnEquals"})
_NEGATED = frozenset({"StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike", "NotIpAddress"})


class Turn(StrEnum):
    """What becomes of a permission."""

    GAINED = "gained"
    LOST = "lost"


class About(StrEnum):
    """Which kind of policy it is in."""

    ROLE = "role"
    TRUST = "trust"
    BOUNDARY = "boundary"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True, order=True)
class Test:
    """One entry of a condition."""

    operator: str
    key: str
    values: tuple[str, ...]

    def covers(self, other: "Test") -> bool:
        """Whether every request that passes the other one passes this one."""
        if (self.operator, self.key.lower()) != (other.operator, other.key.lower()):
            return False
        if self.operator in _NEGATED:
            return set(self.values) <= set(other.values)
        if self.operator in _PATTERNS:
            return all(any(covers(mine, theirs) for mine in self.values) for theirs in other.values)
        if self.operator in _EXACT:
            return set(other.values) <= set(self.values)
        return self.values == other.values

    def __str__(self) -> str:
        return f"{self.operator} {self.key} {' or '.join(self.values)}"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Grant:
    """One permission, or with `allow` false one prohibition.

    Attributes:
        who: whom it is about, in trust and in policies of resources; empty in a role's own.
        action, resource: patterns, or `all but …` where a statement names what it leaves out.
    """

    allow: bool
    who: str
    action: str
    resource: str
    condition: tuple[Test, ...]

    def covers(self, other: "Grant") -> bool:
        """Whether it is about everything that the other one is about."""
        return (
            self.allow == other.allow
            and _covers(self.who, other.who)
            and _covers(self.action, other.action)
            and _covers(self.resource, other.resource)
            and all(any(mine.covers(theirs) for theirs in other.condition) for mine in self.condition)
        )


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class PermissionChange:
    """What somebody may do that they might not, or the other way round.

    Attributes:
        subject: construct path of the role, or of the resource with a policy of its own.
        turn: gained, when somebody may do more: a permission that is new, or a prohibition that is gone.
        grants: permissions and prohibitions that are new or gone.
        idle: those of them that something else refuses, so that nothing comes of them.
        whole: the role or the policy itself is new or gone.
    """

    subject: str
    about: About
    turn: Turn
    grants: tuple[Grant, ...]
    idle: tuple[Grant, ...] = ()
    whole: bool = False


def permission_changes(base: Policies, head: Policies) -> tuple[PermissionChange, ...]:
    """What differs between all policies of two assemblies.

    Args:
        base: with the head's names, so that a renamed role is the same one.
        head: what is proposed.
    """
    return tuple(sorted([*_of_roles(base, head), *_of_resources(base, head)]))


def spelled(changes: Iterable[PermissionChange], *assemblies: Assembly) -> tuple[PermissionChange, ...]:
    """The same changes with actions as the templates write them. AWS compares them without case, people do not."""
    written = {
        action.lower(): action
        for assembly in assemblies
        for template in assembly.stacks.values()
        for action in _actions(template.content)
    }

    def spell(grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
        return tuple(replace(grant, action=written.get(grant.action, grant.action)) for grant in grants)

    return tuple(replace(change, grants=spell(change.grants), idle=spell(change.idle)) for change in changes)


def _actions(written: Any) -> Iterator[str]:
    if isinstance(written, dict):
        for key, value in written.items():
            if key == "Action":
                yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str))
            else:
                yield from _actions(value)
    elif isinstance(written, list):
        for item in written:
            yield from _actions(item)


def _of_roles(base: Policies, head: Policies) -> Iterator[PermissionChange]:
    before, after = ({role.address: role for role in policies.principals} for policies in (base, head))
    for address in sorted({*before, *after}):
        old, new = before.get(address), after.get(address)
        name = plain((new or before[address]).name)
        whole = old is None or new is None
        for turn, one, other, there, role in (
            (Turn.GAINED, old, new, head, new),
            (Turn.LOST, new, old, base, old),
        ):
            grants = _beyond(_own(one), _own(other))
            if grants:
                idle = tuple(grant for grant in grants if role and _refused(there, role, grant))
                yield PermissionChange(subject=name, about=About.ROLE, turn=turn, grants=grants, idle=idle, whole=whole)
            trusted = _beyond(grants_of(one.trust if one else ()), grants_of(other.trust if other else ()))
            if trusted:
                yield PermissionChange(subject=name, about=About.TRUST, turn=turn, grants=trusted, whole=whole)
            # A boundary is what a role may do at most: without one, that is everything.
            limits = () if whole else _beyond(_limits(one), _limits(other))
            if limits:
                yield PermissionChange(subject=name, about=About.BOUNDARY, turn=turn, grants=limits)


def _of_resources(base: Policies, head: Policies) -> Iterator[PermissionChange]:
    before, after = _guards(base), _guards(head)
    for address in sorted({*before, *after}):
        old, new = before.get(address, []), after.get(address, [])
        name = plain((new or old)[0].name)
        for turn, one, other in ((Turn.GAINED, old, new), (Turn.LOST, new, old)):
            grants = _beyond(_of_guards(one), _of_guards(other))
            if grants:
                yield PermissionChange(
                    subject=name, about=About.RESOURCE, turn=turn, grants=grants, whole=not (old and new)
                )


def _own(role: Principal | None) -> tuple[Grant, ...]:
    return grants_of(role.statements) if role else ()


def _limits(role: Principal | None) -> tuple[Grant, ...]:
    if role is None or (role.boundary is None and role.foreign_boundary is None):
        return (Grant(allow=True, who="", action="*", resource="*", condition=()),)
    if role.boundary is None:
        return (Grant(allow=True, who="", action=f"what {role.foreign_boundary} allows", resource="*", condition=()),)
    return grants_of(role.boundary)


def _guards(policies: Policies) -> dict[Address, list[Protected]]:
    found: dict[Address, list[Protected]] = {}
    for item in policies.protected:
        found.setdefault(item.address, []).append(item)
    return found


def _of_guards(guards: Iterable[Protected]) -> tuple[Grant, ...]:
    return tuple(grant for guard in guards for grant in grants_of(guard.statements))


def grants_of(statements: Iterable[Statement]) -> tuple[Grant, ...]:
    """Every combination of principal, action and resource that statements are about, in order and each once."""
    found = {
        Grant(allow=statement.allow, who=who, action=action, resource=resource, condition=_tests(statement))
        for statement in statements
        for who, action, resource in product(
            _who(statement),
            _patterns(statement.actions, statement.not_actions),
            _patterns(statement.resources, statement.not_resources),
        )
    }
    return tuple(sorted(found))


def _beyond(before: Sequence[Grant], after: Sequence[Grant]) -> tuple[Grant, ...]:
    """What the second policy permits beyond the first: its own permissions, and the first one's prohibitions."""
    more = [grant for grant in after if grant.allow and not any(other.covers(grant) for other in before if other.allow)]
    more += [
        grant
        for grant in before
        if not grant.allow and not any(other.covers(grant) for other in after if not other.allow)
    ]
    # A pattern and what it covers are one.
    least = [grant for grant in more if not any(other != grant and other.covers(grant) for other in more)]
    return tuple(sorted(least))


def _refused(policies: Policies, role: Principal, grant: Grant) -> bool:
    if not grant.allow or grant.action.startswith(_ALL_BUT) or grant.resource.startswith(_ALL_BUT):
        return False
    request = Request(action=grant.action, resource=grant.resource, context={})
    return decide(policies, role, request).outcome is Outcome.DENIED


def _who(statement: Statement) -> tuple[str, ...]:
    if statement.principals is None:
        return ("",)
    names = [
        name if kind == "Service" else f"{kind} {name}" for kind, of in statement.principals.items() for name in of
    ]
    return (f"{_ALL_BUT}{', '.join(sorted(names))}",) if statement.negated_principals else tuple(names)


def _patterns(listed: tuple[str, ...] | None, left_out: tuple[str, ...] | None) -> tuple[str, ...]:
    if listed is not None:
        return listed
    return (f"{_ALL_BUT}{', '.join(sorted(left_out))}",) if left_out is not None else ("*",)


def _tests(statement: Statement) -> tuple[Test, ...]:
    return tuple(
        sorted(
            Test(operator, key, tuple(sorted(map(str, values if isinstance(values, list) else [values]))))
            for operator, entries in statement.condition.items()
            for key, values in entries.items()
        )
    )


def _covers(one: str, other: str) -> bool:
    if one in {other, "*", "AWS *"}:
        return True
    if one.startswith(_ALL_BUT) or other.startswith(_ALL_BUT):
        return False
    return covers(one, other)
