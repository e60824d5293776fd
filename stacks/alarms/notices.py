"""Notices: events that AWS tells once, and no metric shows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.alarms.model import Alarm, Metric, Missing, Unit


@dataclass(frozen=True, kw_only=True)
class Notice:
    """An event that people are told of.

    Attributes:
        name: unique in the environment, in lower case with dashes.
        hurts: what users see, or have seen.
        runbook: file name in `docs/runbooks`, without its ending.
        pattern: which events, as EventBridge matches them.
        says: the part of the event that says what has happened, as a JSON path.
    """

    name: str
    hurts: str
    runbook: str
    pattern: Mapping[str, Any]
    says: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"notice {self.name!r}: allowed a name in lower case, its words joined by dashes")


def database_notices(identifier: str) -> Iterator[Notice]:
    """What RDS does to the instance by itself."""
    yield Notice(
        name="database-failover",
        hurts="Requests and images failed for a minute or two: the database has failed over, or has failed.",
        runbook="database-failover",
        pattern={
            "source": ["aws.rds"],
            "detail-type": ["RDS DB Instance Event"],
            "detail": {"SourceIdentifier": [identifier], "EventCategories": ["failover", "failure", "low storage"]},
        },
        says="$.detail.Message",
    )


def maintenance_notices(*, cluster_arn: str, family: str) -> Iterator[Notice]:
    """Maintenance tasks that ended badly, or never began."""
    yield Notice(
        name="sweeper-failed",
        hurts="Images may wait for ever: the sweeper, which sends what was never sent, has failed.",
        runbook="sweeper",
        pattern={
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                "clusterArn": [cluster_arn],
                "group": [f"family:{family}"],
                "lastStatus": ["STOPPED"],
                "$or": [
                    {"containers": {"exitCode": [{"anything-but": [0]}]}},
                    {"stopCode": ["TaskFailedToStart"]},
                ],
            },
        },
        says="$.detail.stoppedReason",
    )


def delivery_alarm(rules: Mapping[str, str]) -> Alarm:
    """Notices that did not reach anybody, by the names of their EventBridge rules."""
    failed = {
        re.sub("[^a-z]", "", name): Metric(
            namespace="AWS/Events",
            name="FailedInvocations",
            dimensions={"RuleName": rule},
            statistic="Sum",
            unit=Unit.COUNT,
            period_s=300,
        )
        for name, rule in rules.items()
    }
    return Alarm(
        name="notices-undelivered",
        hurts="Something has happened that nobody was told of: a notice could not be delivered.",
        runbook="notices",
        metrics=failed,
        expression=" + ".join(f"FILL({name}, 0)" for name in failed) if len(failed) > 1 else None,
        unit=Unit.COUNT,
        threshold=1,
        periods=1,
        breaches=1,
        missing=Missing.FINE,
        all_clear=False,
    )
