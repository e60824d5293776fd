"""Metrics as log lines: CloudWatch's embedded metric format, which costs no call and no permission."""

import json
import time
from collections.abc import Iterator, Mapping

from fleet import Outcome


def lines(*, namespace: str, outstanding: int, live: int, outcome: Outcome) -> Iterator[str]:
    """One line for the run, and one for each reason that tasks were not started."""
    yield _line(
        namespace,
        {
            "OutstandingImages": outstanding,
            "BurstTasksLive": live + outcome.started,
            "BurstTasksStarted": outcome.started,
            "BurstTasksMissing": outcome.unstarted,
            "BurstStartsFailed": outcome.failed.total(),
        },
        details=list(outcome.details),
    )
    for reason, count in sorted(outcome.failed.items()):
        yield _line(namespace, {"BurstStartsFailed": count}, Reason=reason)


def _line(namespace: str, counts: Mapping[str, int], *, details: list[str] | None = None, **dimensions: str) -> str:
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    # Milliseconds of the wall clock, as the format asks.
    head = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}
    said = {"details": details} if details else {}
    return json.dumps({"_aws": head, **dimensions, **counts, **said})
