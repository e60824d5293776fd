"""How long things take by the templates: health checks, hidden messages, retention, links. Read, never typed in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from audit.assembly import Assembly, Resource, Value
from audit.errors import AuditError, Problem


@dataclass(frozen=True, kw_only=True)
class Times:
    """What an assembly says; seconds unless a name says otherwise.

    Attributes:
        check_every_s, check_within_s: of the load balancer's health check: its pause, and the answer's time limit.
        down_after, up_after: bad answers in a row that take a task out, good ones that take it in again.
        deregistration_s: how long requests in hand may still take when a task leaves in order.
        web_minimum_percent, web_maximum_percent: tasks while a deployment goes on.
        grace_s: how long a new web task is not judged by the health check.
        stop_timeout_s: from SIGTERM to SIGKILL, of a worker.
        visibility_s, max_receives, retention_s: of the job queue.
        dead_letter_retention_s: of its dead-letter queue.
        sweep: the sweeper's schedule.
        link_s: life of a presigned link.
    """

    check_every_s: int
    check_within_s: int
    down_after: int
    up_after: int
    deregistration_s: int
    web_minimum_percent: int
    web_maximum_percent: int
    grace_s: int
    stop_timeout_s: int
    visibility_s: int
    max_receives: int
    retention_s: int
    dead_letter_retention_s: int
    sweep: str
    link_s: int


def read_times(assembly: Assembly) -> Times:
    """The times of a platform.

    Raises:
        AuditError: a part that has one of them is missing, or the value is only known when deployed.
    """
    target = _only(assembly, "AWS::ElasticLoadBalancingV2::TargetGroup")
    web = next((each for each in assembly.of_kind("AWS::ECS::Service") if each.properties.get("LoadBalancers")), None)
    queue = next((each for each in assembly.of_kind("AWS::SQS::Queue") if each.properties.get("RedrivePolicy")), None)
    if web is None or queue is None:
        raise AuditError(
            [Problem(where="templates", why="no service behind a load balancer, or no queue with redrive")]
        )
    redrive = cast("dict[str, Value]", queue.properties["RedrivePolicy"])
    dead_letters = assembly.at(redrive.get("deadLetterTargetArn"))
    if dead_letters is None:
        raise AuditError([Problem(where=str(queue.address), why="its dead-letter queue is not of these templates")])
    deployment = cast("dict[str, Value]", web.properties.get("DeploymentConfiguration", {}))
    return Times(
        check_every_s=_number(target, target.properties, "HealthCheckIntervalSeconds"),
        check_within_s=_number(target, target.properties, "HealthCheckTimeoutSeconds"),
        down_after=_number(target, target.properties, "UnhealthyThresholdCount"),
        up_after=_number(target, target.properties, "HealthyThresholdCount"),
        deregistration_s=_number(target, _attributes(target), "deregistration_delay.timeout_seconds"),
        web_minimum_percent=_number(web, deployment, "MinimumHealthyPercent"),
        web_maximum_percent=_number(web, deployment, "MaximumPercent"),
        grace_s=_number(web, web.properties, "HealthCheckGracePeriodSeconds"),
        stop_timeout_s=_stop_timeout(assembly),
        visibility_s=_number(queue, queue.properties, "VisibilityTimeout"),
        max_receives=_number(queue, redrive, "maxReceiveCount"),
        retention_s=_number(queue, queue.properties, "MessageRetentionPeriod"),
        dead_letter_retention_s=_number(dead_letters, dead_letters.properties, "MessageRetentionPeriod"),
        sweep=_schedule(_only(assembly, "AWS::Scheduler::Schedule")),
        link_s=_link(assembly),
    )


def _only(assembly: Assembly, kind: str) -> Resource:
    found = list(assembly.of_kind(kind))
    if len(found) != 1:
        raise AuditError([Problem(where=kind, why=f"there are {len(found)} of them; one is expected")])
    return found[0]


def _number(resource: Resource, values: "dict[str, Value] | object", key: str) -> int:
    value = cast("dict[str, Value]", values).get(key)
    try:
        return int(cast("str", value))
    except (TypeError, ValueError):
        where = f"{resource.address} ({resource.kind}): {key}"
        raise AuditError([Problem(where=where, why=f"{value} is no number")]) from None


def _attributes(target: Resource) -> dict[str, Value]:
    pairs = cast("list[dict[str, Value]]", target.properties.get("TargetGroupAttributes", []))
    return {str(pair["Key"]): pair["Value"] for pair in pairs}


def _schedule(resource: Resource) -> str:
    return str(resource.properties.get("ScheduleExpression"))


def _containers(assembly: Assembly, part: str) -> Iterator[tuple[Resource, dict[str, Value]]]:
    """Containers whose command begins with this word, which says what they do."""
    for definition in assembly.of_kind("AWS::ECS::TaskDefinition"):
        for container in cast("list[dict[str, Value]]", definition.properties.get("ContainerDefinitions", [])):
            if cast("list[str]", container.get("Command", []))[:1] == [part]:
                yield definition, container


def _stop_timeout(assembly: Assembly) -> int:
    for definition, container in _containers(assembly, "worker"):
        return _number(definition, container, "StopTimeout")
    raise AuditError([Problem(where="templates", why="no task definition of a worker")])


def _link(assembly: Assembly) -> int:
    for definition, container in _containers(assembly, "web"):
        pairs = cast("list[dict[str, Value]]", container.get("Environment", []))
        return _number(definition, {str(pair["Name"]): pair["Value"] for pair in pairs}, "RAWMILL_LINK_LIFETIME_S")
    raise AuditError([Problem(where="templates", why="no task definition of web")])
