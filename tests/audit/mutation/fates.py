"""What becomes of one mutant."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from audit.assembly import Template, read_templates
from tests.audit.mutation.behaviour import Outcome, judge_templates
from tests.audit.mutation.mutants import POLICY_TYPES, Mutant, mutants


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """One mutant's end.

    Attributes:
        end: `caught`, `survived`, or `equivalent` when it behaves as the original does.
        by: what caught it first.
    """

    mutant: str
    resource: str
    end: str
    by: str = ""


def fate(folder: Path, number: int) -> Fate:
    """The end of one mutant, by its number."""
    templates, everyone = _prepared(folder)
    mutant = everyone[number]
    only = mutant.resource_type in POLICY_TYPES
    outcome = judge_templates(mutant.templates(templates), folder=folder, policies_only=only)
    same = not outcome.caught and outcome.behaviour == _original(folder, policies_only=only).behaviour
    end = "caught" if outcome.caught else "equivalent" if same else "survived"
    by = outcome.caught[0] if outcome.caught else ""
    return Fate(mutant=str(mutant), resource=mutant.resource_type, end=end, by=by)


@cache
def _prepared(folder: Path) -> tuple[tuple[Template, ...], tuple[Mutant, ...]]:
    templates = read_templates(folder)
    return templates, tuple(mutants(templates))


@cache
def _original(folder: Path, *, policies_only: bool) -> Outcome:
    return judge_templates(_prepared(folder)[0], folder=folder, policies_only=policies_only)
