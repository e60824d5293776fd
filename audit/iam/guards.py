"""Holds the policies of resources against what services do with them, in both directions, and against what they must
refuse to everybody."""

from collections.abc import Iterator

from audit.assembly import Assembly
from audit.iam.calls import Calls, Denial
from audit.iam.conditions import holds
from audit.iam.contract import Need, needs_of, unused
from audit.iam.evaluate import DEFAULT_CONTEXT, delegates, matches_action
from audit.iam.findings import Finding, Report
from audit.iam.globs import covers
from audit.iam.model import Policies, Protected, Statement
from audit.iam.places import Places, plain
from audit.iam.truth import Truth


def guard_reports(assembly: Assembly, policies: Policies, calls: Calls) -> Iterator[Report]:
    """Every resource that has a policy of its own."""
    places = Places(assembly)
    needs = [
        (places.filled(service), need)
        for call in calls.services
        for service in call.services
        for need in needs_of(call, places)
    ]
    for protected in policies.protected:
        own = [(service, need) for service, need in needs if _is_about(protected, need)]
        findings = [
            *_insufficient(protected, own),
            *_unused(protected, own),
            *_refuses(protected, calls, places),
        ]
        yield Report(
            subject=plain(protected.name),
            calls=len(own),
            statements=len(protected.statements),
            findings=tuple(findings),
        )
    yield from _absent(calls, places, {protected.arn for protected in policies.protected})


def _absent(calls: Calls, places: Places, guarded: set[str]) -> Iterator[Report]:
    """Resources that the file names, and that are not in the templates or have no policy there."""
    paths = [(call.on, call.optional, call.why) for call in calls.services]
    paths += [(on, denial.optional, denial.why) for denial in calls.denials for on in denial.on]
    for on, optional, why in dict.fromkeys(paths):
        arn = places.arn(on)
        if arn is None and optional:
            continue
        if arn is None or arn not in guarded:
            found = "is no resource of these templates" if arn is None else "has no policy of its own"
            finding = Finding(kind="open", subject=on, what=f"{found}; needed: {why}")
            yield Report(subject=on, calls=1, statements=0, findings=(finding,))


def _insufficient(protected: Protected, needs: list[tuple[str, Need]]) -> Iterator[Finding]:
    for service, need in needs:
        granted = any(
            statement.allow
            and service in _services(statement)
            and _matches(statement, protected, need)
            and holds(statement.condition, need.context) is Truth.YES
            for statement in protected.statements
        )
        refused = any(
            not statement.allow
            and _everybody(statement)
            and _matches(statement, protected, need)
            and holds(statement.condition, need.context) is not Truth.NO
            for statement in protected.statements
            # Conditions on a caller's connection do not concern services of AWS.
            if not statement.condition
        )
        if not granted or refused:
            what = f"{service} may not {need.action} on {need.resource}"
            yield Finding(kind="insufficient", subject=plain(protected.name), what=what)


def _unused(protected: Protected, needs: list[tuple[str, Need]]) -> Iterator[Finding]:
    for statement in protected.statements:
        if not statement.allow or delegates(statement):
            continue
        for service in _services(statement):
            own = [need for name, need in needs if name == service]
            for what in unused(_on(protected, statement), own):
                yield Finding(kind="unused", subject=plain(protected.name), what=f"{service}: {what}")


def _refuses(protected: Protected, calls: Calls, places: Places) -> Iterator[Finding]:
    for denial in calls.denials:
        for on in denial.on:
            arn = places.arn(on)
            if arn != protected.arn:
                continue
            for action in denial.actions:
                if not _denied(protected, denial, action, places):
                    what = f"{action} is not refused to everybody: {denial.why}"
                    yield Finding(kind="open", subject=plain(protected.name), what=what)


def _denied(protected: Protected, denial: Denial, action: str, places: Places) -> bool:
    context = {**DEFAULT_CONTEXT, **places.context(denial.given)}
    resource = f"{protected.arn}{denial.below}"
    return any(
        not statement.allow
        and _everybody(statement)
        and matches_action(statement, action)
        and any(covers(pattern, resource) for pattern in _on(protected, statement).resources or ())
        and holds(statement.condition, context) is Truth.YES
        for statement in protected.statements
    )


def _is_about(protected: Protected, need: Need) -> bool:
    return need.resource == protected.arn or need.resource.startswith(f"{protected.arn}/")


def _matches(statement: Statement, protected: Protected, need: Need) -> bool:
    resources = _on(protected, statement).resources or ()
    return matches_action(statement, need.action) and any(covers(pattern, need.resource) for pattern in resources)


def _on(protected: Protected, statement: Statement) -> Statement:
    """In a key's policy `*` is the key itself."""
    if protected.kind != "AWS::KMS::Key" or statement.resources != ("*",):
        return statement
    return Statement(
        name=statement.name,
        allow=statement.allow,
        actions=statement.actions,
        not_actions=statement.not_actions,
        resources=(protected.arn,),
        condition=statement.condition,
        principals=statement.principals,
        negated_principals=statement.negated_principals,
    )


def _services(statement: Statement) -> tuple[str, ...]:
    return (statement.principals or {}).get("Service", ())


def _everybody(statement: Statement) -> bool:
    return (statement.principals or {}).get("AWS") == ("*",) and not statement.negated_principals
