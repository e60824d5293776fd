"""One thing that a check found, and what many of them add up to."""

from collections.abc import Iterable
from typing import NamedTuple

from processor.errors import ReasonCode
from processor.types import Verdict

_WEIGHT = {Verdict.OK: 0, Verdict.SUSPECT: 1, Verdict.DAMAGED: 2}


class Finding(NamedTuple):
    """What one check holds against a file: how bad it is, a sentence with the numbers, the reason if it is refused."""

    verdict: Verdict
    sentence: str
    reason: ReasonCode = ReasonCode.DAMAGED


class Inspection(NamedTuple):
    """What all checks together say.

    Attributes:
        verdict: the worst of all findings.
        evidence: their sentences, worst first; empty when the verdict is ok.
        reason: TRUNCATED or DAMAGED when the verdict is damaged, else None.
    """

    verdict: Verdict
    evidence: tuple[str, ...]
    reason: ReasonCode | None


def sum_up(findings: Iterable[Finding]) -> Inspection:
    """The worst verdict and all sentences, worst first; ok and no sentence when there is no finding."""
    ordered = sorted(findings, key=lambda finding: -_WEIGHT[finding.verdict])
    if not ordered:
        return Inspection(Verdict.OK, (), None)
    worst = ordered[0]
    reason = worst.reason if worst.verdict is Verdict.DAMAGED else None
    return Inspection(worst.verdict, tuple(finding.sentence for finding in ordered), reason)
