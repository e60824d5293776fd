"""Reads scaling policies and the alarms that start them, with their metric math."""

from collections.abc import Sequence

from audit.assembly import Address, Assembly, Reference, Resource, Value
from audit.errors import NotModelledError, Problem
from audit.fleet.metric_math import Expression
from audit.fleet.model import Alarm, Metric, Missing, Signal, Step, Stepping, Tracking
from audit.fleet.properties import Properties

_COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}
_SIGNALS = {
    ("AWS/SQS", Signal.VISIBLE.value): Signal.VISIBLE,
    ("AWS/SQS", Signal.IN_FLIGHT.value): Signal.IN_FLIGHT,
    ("ECS/ContainerInsights", Signal.RUNNING.value): Signal.RUNNING,
    ("ECS/ContainerInsights", Signal.DESIRED.value): Signal.DESIRED,
}
_STATISTICS = ("Average", "Maximum", "Minimum")
"""The simulation has one value a minute, which is all three."""


class PolicyReader:
    """The policies of one ECS service. What they follow must be the job queue and that service."""

    def __init__(self, assembly: Assembly, problems: list[Problem], *, queue: Address, service: Address) -> None:
        self._assembly, self._problems = assembly, problems
        self._queue, self._service = queue, service

    def of_target(self, target: Resource) -> tuple[tuple[Tracking, ...], tuple[Stepping, ...]]:
        """Every policy of a scalable target."""
        tracking: list[Tracking] = []
        stepping: list[Stepping] = []
        for policy in self._assembly.of_kind("AWS::ApplicationAutoScaling::ScalingPolicy"):
            if target.address not in policy.targets:
                continue
            try:
                match self._policy(policy):
                    case Tracking() as found:
                        tracking.append(found)
                    case Stepping() as found:
                        stepping.append(found)
            except NotModelledError as error:
                where = f"{policy.address} ({policy.kind})"
                self._problems.append(Problem(where=where, why=str(error)))
        if not tracking:
            self._problems.append(
                Problem(
                    where=f"{target.address} ({target.kind})", why="no target tracking: nothing scales with backlog"
                )
            )
        return tuple(tracking), tuple(stepping)

    def _policy(self, policy: Resource) -> Tracking | Stepping:
        match policy.properties.get("PolicyType"):
            case "TargetTrackingScaling":
                return self._tracking(policy)
            case "StepScaling":
                return self._stepping(policy)
            case other:
                raise NotModelledError(f"PolicyType {other} is not modelled")

    def _tracking(self, policy: Resource) -> Tracking:
        written = Properties(policy.properties, f"{policy.address} ({policy.kind})", self._problems).below(
            "TargetTrackingScalingPolicyConfiguration"
        )
        configuration = policy.properties.get("TargetTrackingScalingPolicyConfiguration")
        if not isinstance(configuration, dict) or "PredefinedMetricSpecification" in configuration:
            raise NotModelledError("a predefined metric is not modelled: the backlog's metric math is")
        specification = configuration.get("CustomizedMetricSpecification")
        metrics = specification.get("Metrics") if isinstance(specification, dict) else None
        target = written.needed("TargetValue")
        if target <= 0:
            raise NotModelledError(f"TargetValue {target:g}: above 0 is modelled")
        return Tracking(
            metric=read_metric(metrics, queue=self._queue, service=self._service),
            target=target,
            out_cooldown_s=written.number("ScaleOutCooldown", 0) or 0,
            in_cooldown_s=written.number("ScaleInCooldown", 0) or 0,
            scales_in=configuration.get("DisableScaleIn") not in (True, "true"),
        )

    def _stepping(self, policy: Resource) -> Stepping:
        where = f"{policy.address} ({policy.kind})"
        written = Properties(policy.properties, where, self._problems).below("StepScalingPolicyConfiguration")
        kind = written.text("AdjustmentType")
        if kind not in {"ChangeInCapacity", "ExactCapacity"}:
            raise NotModelledError(f"AdjustmentType {kind} is not modelled")
        alarms = [alarm for alarm in self._assembly.of_kind("AWS::CloudWatch::Alarm") if _starts(alarm, policy.address)]
        if len(alarms) != 1:
            raise NotModelledError(f"one alarm starts a step policy in the model, here are {len(alarms)}")
        configuration = policy.properties.get("StepScalingPolicyConfiguration")
        adjustments = configuration.get("StepAdjustments") if isinstance(configuration, dict) else None
        steps = []
        for item in adjustments if isinstance(adjustments, list) else []:
            step = Properties(item if isinstance(item, dict) else {}, f"{where}: StepAdjustments", self._problems)
            change = item.get("ScalingAdjustment") if isinstance(item, dict) else None
            if not isinstance(change, int):
                raise NotModelledError(f"ScalingAdjustment {change}: a whole number is modelled")
            lower, upper = step.number("MetricIntervalLowerBound"), step.number("MetricIntervalUpperBound")
            steps.append(Step(lower=lower, upper=upper, change=change))
        return Stepping(
            alarm=read_alarm(alarms[0], queue=self._queue, service=self._service),
            steps=tuple(steps),
            exact=kind == "ExactCapacity",
            cooldown_s=written.number("Cooldown", 0) or 0,
        )


def _starts(alarm: Resource, policy: Address) -> bool:
    actions = alarm.properties.get("AlarmActions")
    return isinstance(actions, list) and Reference(policy) in actions


def read_alarm(alarm: Resource, *, queue: Address, service: Address | None) -> Alarm:
    """An alarm over metric math.

    Raises:
        NotModelledError: something of it is not modelled.
    """
    values = alarm.properties
    comparison = _COMPARISONS.get(str(values.get("ComparisonOperator")))
    if comparison is None:
        raise NotModelledError(f"ComparisonOperator {values.get('ComparisonOperator')} is not modelled")
    missing = str(values.get("TreatMissingData", "missing"))
    if missing not in {item.value for item in Missing}:
        raise NotModelledError(f"TreatMissingData {missing} is not modelled")
    periods = _whole(values.get("EvaluationPeriods"), "EvaluationPeriods")
    threshold = values.get("Threshold")
    if not isinstance(threshold, int | float):
        raise NotModelledError(f"Threshold {threshold}: a number is needed")
    return Alarm(
        metric=read_metric(values.get("Metrics"), queue=queue, service=service),
        comparison=comparison,
        threshold=float(threshold),
        periods=periods,
        needed=_whole(values.get("DatapointsToAlarm", periods), "DatapointsToAlarm"),
        missing=Missing(missing),
    )


def read_metric(queries: Value, *, queue: Address, service: Address | None) -> Metric:
    """Metric math over the queue and the service.

    Raises:
        NotModelledError: a metric, a statistic, a period or an expression is not modelled.
    """
    if not isinstance(queries, list) or not queries:
        raise NotModelledError("metric math (Metrics) over the queue is needed, and is not there")
    signals: dict[str, Signal] = {}
    expressions: list[tuple[str, Expression]] = []
    results: list[str] = []
    for query in queries:
        if not isinstance(query, dict) or not isinstance(query.get("Id"), str):
            raise NotModelledError("a line of metric math without an Id")
        name = str(query["Id"])
        if query.get("Expression") is not None:
            known = [*signals, *(name for name, _ in expressions)]
            expressions.append((name, Expression.parse(str(query["Expression"]), known)))
        else:
            signals[name] = _signal(query.get("MetricStat"), queue, service)
        if query.get("ReturnData", True) in (True, "true"):
            results.append(name)
    if len(results) != 1:
        raise NotModelledError(f"one line of metric math gives the result, here are {len(results)}")
    return Metric(signals=signals, expressions=tuple(expressions), result=results[0])


def _signal(stat: Value, queue: Address, service: Address | None) -> Signal:
    metric = stat.get("Metric") if isinstance(stat, dict) else None
    if not isinstance(stat, dict) or not isinstance(metric, dict):
        raise NotModelledError("a line of metric math is neither an expression nor a metric")
    found = _SIGNALS.get((str(metric.get("Namespace")), str(metric.get("MetricName"))))
    if found is None:
        raise NotModelledError(f"metric {metric.get('Namespace')} {metric.get('MetricName')} is not modelled")
    if stat.get("Stat") not in _STATISTICS:
        raise NotModelledError(f"statistic {stat.get('Stat')} of {found} is not modelled")
    if stat.get("Period", 60) not in (60, "60"):
        raise NotModelledError(f"Period {stat.get('Period')} of {found}: 60 s is modelled")
    owner = queue if found in {Signal.VISIBLE, Signal.IN_FLIGHT} else service
    if owner not in _owners(metric.get("Dimensions")):
        raise NotModelledError(f"{found} is of something else than {owner or 'the queue'}")
    return found


def _owners(dimensions: Value) -> Sequence[Address | None]:
    items = dimensions if isinstance(dimensions, list) else []
    values = [item.get("Value") for item in items if isinstance(item, dict)]
    return [value.address for value in values if isinstance(value, Reference)]


def _whole(value: Value, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise NotModelledError(f"{name} {value}: a whole number from 1 is modelled")
    return value
