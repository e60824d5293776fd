"""What an assembly does, for comparison: every pair's round trips, every policy's decisions, deaths that stop users."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from audit.assembly import Assembly, Template, resolve_templates
from audit.cli.iam import CALLS
from audit.cli.prove import INVARIANTS
from audit.errors import AuditError
from audit.iam.calls import Calls, read_calls
from audit.iam.contract import role_reports
from audit.iam.forbidden import forbidden
from audit.iam.guards import guard_reports
from audit.iam.model import Policies, read_policies
from audit.reach.invariants import Invariants, read_invariants
from audit.reach.load import read_network
from audit.reach.prove import Case, cases, prove_cases
from audit.spof.judge import judge
from audit.spof.read import read_components


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an assembly behaves, and what the audit says of it.

    Attributes:
        behaviour: equal for assemblies that behave alike.
        caught: by which proof it is refused or refuted.
    """

    behaviour: Any = field(repr=False)
    caught: tuple[str, ...]


def judge_templates(templates: Sequence[Template], *, folder: Path, policies_only: bool | None = None) -> Outcome:
    """Behaviour and verdict of some templates.

    Args:
        templates: after the change.
        folder: where they were read from.
        policies_only: judge policies alone, or everything but them, where it is known what a change can reach.
    """
    try:
        assembly = resolve_templates(folder, templates)
        parts: list[tuple[Any, list[str]]] = []
        if policies_only is not True:
            parts.append(_network(assembly))
        if policies_only is not False:
            parts.append(_policies(assembly))
    except AuditError as error:
        return Outcome(behaviour=None, caught=(f"refused: {error.problems[0]}",))
    return Outcome(
        behaviour=tuple(behaviour for behaviour, _ in parts),
        caught=tuple(item for _, caught in parts for item in caught),
    )


def _network(assembly: Assembly) -> tuple[Any, list[str]]:
    network = read_network(assembly)
    found = cases(network, _invariants())
    caught = [f"reach: {proof.statement}" for proof in prove_cases(found) if not proof.proved]
    deaths = [death.what for death in judge(read_components(assembly, network), network.zones).single_points]
    behaviour = (frozenset(_trips(zone, case) for zone, case in found.items()), frozenset(deaths))
    return behaviour, [*caught, *(f"spof: {death}" for death in deaths)]


def _policies(assembly: Assembly) -> tuple[Any, list[str]]:
    policies = read_policies(assembly)
    reports = [*role_reports(assembly, policies, _calls()), *guard_reports(assembly, policies, _calls())]
    findings = [*(finding for report in reports for finding in report.findings), *forbidden(policies)]
    return _decisions(policies), [f"iam: {finding}" for finding in findings]


def _trips(zone: str | None, case: Case) -> tuple[Any, ...]:
    pairs = frozenset(
        (
            str(pair.source),
            str(pair.target),
            tuple((found.complete, found.partial, found.delivered, found.through) for found in pair.journeys.values()),
            tuple(found.delivered for found in pair.others),
        )
        for pair in case.pairs
    )
    return (zone, pairs)


def _decisions(policies: Policies) -> frozenset[Any]:
    """Every statement without its name and order: two that read alike decide alike."""
    owners = [(item.arn, (*item.statements, *item.trust)) for item in policies.principals]
    owners += [(item.arn, item.statements) for item in policies.protected]
    return frozenset(
        (
            owner,
            statement.allow,
            frozenset(statement.actions or ()),
            frozenset(statement.resources or ()),
            str(sorted((key, sorted(value.items())) for key, value in statement.condition.items())),
            str(sorted((statement.principals or {}).items())),
        )
        for owner, statements in owners
        for statement in statements
    )


@cache
def _invariants() -> Invariants:
    return read_invariants(INVARIANTS)


@cache
def _calls() -> Calls:
    return read_calls(CALLS)
