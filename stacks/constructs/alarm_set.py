"""Alarms as CloudWatch resources, each of which tells the alarm topic."""

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.alarms.model import Alarm, Metric
from stacks.constructs.naming import pascal
from stacks.settings import Settings

_Alarm = cloudwatch.CfnAlarm


class AlarmSet(Construct):
    """One resource for each alarm, by its name. Named so that a page at night says what is wrong where."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, alarms: Iterable[Alarm], topic_arn: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.resources: dict[str, cloudwatch.CfnAlarm] = {}
        for alarm in alarms:
            self.resources[alarm.name] = self._add(alarm, settings, topic_arn)

    def _add(self, alarm: Alarm, settings: Settings, topic_arn: str) -> cloudwatch.CfnAlarm:
        made = _Alarm(
            self,
            pascal(alarm.name),
            alarm_name=f"rawmill-{settings.name}-{alarm.name}",
            alarm_description=alarm.description,
            threshold=alarm.threshold,
            comparison_operator=alarm.comparison,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.breaches,
            treat_missing_data=alarm.missing,
            alarm_actions=[topic_arn],
            ok_actions=[topic_arn] if alarm.all_clear else None,
        )
        if alarm.expression is None:
            ((_, metric),) = alarm.metrics.items()
            _watch(made, metric)
        else:
            made.metrics = _math(alarm.metrics.items(), alarm.expression, alarm.name)
        return made


def _watch(alarm: cloudwatch.CfnAlarm, metric: Metric) -> None:
    alarm.namespace = metric.namespace
    alarm.metric_name = metric.name
    alarm.dimensions = _dimensions(metric)
    alarm.period = metric.period_s
    alarm.unit = metric.unit
    if metric.is_percentile:
        alarm.extended_statistic = metric.statistic
        # The slowest of three requests says nothing about the slowest of a hundred.
        alarm.evaluate_low_sample_count_percentile = "ignore"
    else:
        alarm.statistic = metric.statistic


def _math(
    metrics: Iterable[tuple[str, Metric]], expression: str, label: str
) -> list[cdk.IResolvable | cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    return [
        *(
            _Alarm.MetricDataQueryProperty(
                id=name,
                metric_stat=_Alarm.MetricStatProperty(
                    metric=_Alarm.MetricProperty(
                        namespace=metric.namespace, metric_name=metric.name, dimensions=_dimensions(metric)
                    ),
                    period=metric.period_s,
                    stat=metric.statistic,
                    unit=metric.unit,
                ),
                return_data=False,
            )
            for name, metric in metrics
        ),
        _Alarm.MetricDataQueryProperty(id="watched", label=label, expression=expression, return_data=True),
    ]


def _dimensions(metric: Metric) -> list[cdk.IResolvable | cloudwatch.CfnAlarm.DimensionProperty]:
    return [_Alarm.DimensionProperty(name=name, value=value) for name, value in metric.dimensions.items()]
