"""Waits until a platform is at rest and judges it: messages and leases of the dead need their time, and no more."""

import time

from chaos.facts import Facts, facts_of
from chaos.field import SWEEP_EVERY_S, VISIBILITY_TIMEOUT_S, Field
from chaos.judge import Expected, Violation, judge

AT_REST_WITHIN_S = 2.0 * VISIBILITY_TIMEOUT_S + 2 * SWEEP_EVERY_S
"""What is left over for so long without any change is left over: a lease and the sweeper's patience are shorter."""
_LOOK_AGAIN_S = 1.0
_OPEN = "SELECT count(*) AS jobs FROM jobs WHERE job_id = ANY(%(jobs)s::uuid[]) AND status IN ('pending', 'processing')"


def at_rest(target: Field, expected: Expected, *, over_within_s: float = 0.0) -> tuple[Facts, list[Violation]]:
    """The facts once every promise is kept, or once what breaks one has not changed for a while.

    Args:
        target: the platform.
        expected: what was submitted.
        over_within_s: how long jobs may still take before anything is judged.
    """
    deadline_s = time.monotonic() + over_within_s
    while time.monotonic() < deadline_s and target.rows(_OPEN, {"jobs": list(expected.jobs)})[0]["jobs"]:
        time.sleep(_LOOK_AGAIN_S)
    seen: list[Violation] = []
    since_s = time.monotonic()
    while True:
        target.wait_whole()
        facts = facts_of(target, jobs=frozenset(expected.jobs))
        violations = judge(facts, expected)
        if violations != seen:
            seen, since_s = violations, time.monotonic()
        if not violations or time.monotonic() - since_s > AT_REST_WITHIN_S:
            return facts, violations
        time.sleep(_LOOK_AGAIN_S)
