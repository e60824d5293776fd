"""One thing that a check found, and the verdict that many of them add up to."""

from collections.abc import Iterable
from typing import NamedTuple

from processor.types import Verdict

_WEIGHT = {Verdict.OK: 0, Verdict.SUSPECT: 1, Verdict.DAMAGED: 2}


class Finding(NamedTuple):
    """What one check holds against a file: how bad it is, and a sentence with the numbers."""

    verdict: Verdict
    sentence: str


def sum_up(findings: Iterable[Finding]) -> tuple[Verdict, tuple[str, ...]]:
    """The worst verdict and all sentences, worst first; ok and no sentence when there is no finding."""
    ordered = sorted(findings, key=lambda finding: -_WEIGHT[finding.verdict])
    if not ordered:
        return Verdict.OK, ()
    return ordered[0].verdict, tuple(finding.sentence for finding in ordered)
