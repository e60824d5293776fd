"""How many workers there are on instances: as many as the backlog needs, none when there is none."""

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.backlog import Backlog, Query, alarm_queries
from stacks.settings import WorkerSettings

_Policy = scaling.CfnScalingPolicy

_SCALE_OUT_COOLDOWN_S = 60
_SCALE_IN_COOLDOWN_S = 300
_FIRST_WORKER_COOLDOWN_S = 120


class WorkerScaling(Construct):
    """Backlog per worker by metric math in the policy itself, and a rule of its own for the first worker.

    Scaling in asks ECS for fewer tasks; it stops those that are not protected, and a worker protects itself while it is
    busy. Processors are no measure here: a worker that waits for S3 is as busy as one that develops.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workers: WorkerSettings,
        cluster: ecs.CfnCluster,
        service: ecs.CfnService,
        backlog: Backlog,
    ) -> None:
        super().__init__(scope, construct_id)
        target = scaling.CfnScalableTarget(
            self,
            "Tasks",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{cluster.ref}/{service.attr_name}",
            min_capacity=workers.min_instances,
            max_capacity=workers.max_instances,
        )
        _Policy(
            self,
            "Backlog",
            policy_name="BacklogPerWorker",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=_Policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=workers.backlog_per_worker,
                customized_metric_specification=_Policy.CustomizedMetricSpecificationProperty(
                    metrics=_tracked(backlog.per_worker)
                ),
                scale_out_cooldown=_SCALE_OUT_COOLDOWN_S,
                scale_in_cooldown=_SCALE_IN_COOLDOWN_S,
            ),
        )
        self._start_the_first(target, backlog)

    def _start_the_first(self, target: scaling.CfnScalableTarget, backlog: Backlog) -> None:
        """From none to one. Target tracking acts above its target: for ten images or fewer nobody would start."""
        policy = _Policy(
            self,
            "FirstWorker",
            policy_name="FirstWorker",
            policy_type="StepScaling",
            scaling_target_id=target.ref,
            step_scaling_policy_configuration=_Policy.StepScalingPolicyConfigurationProperty(
                # One more than none, rather than exactly one: that could also be fewer than there are by now.
                adjustment_type="ChangeInCapacity",
                cooldown=_FIRST_WORKER_COOLDOWN_S,
                metric_aggregation_type="Maximum",
                step_adjustments=[_Policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)],
            ),
        )
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Unattended",
            alarm_description="Images wait and no worker has been asked for: the first one is started",
            metrics=alarm_queries(backlog.unattended),
            comparison_operator="GreaterThanOrEqualToThreshold",
            threshold=1,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",
            alarm_actions=[policy.ref],
        )


def _tracked(queries: list[Query]) -> list[scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty]:
    return [
        _Policy.TargetTrackingMetricDataQueryProperty(
            id=query.id,
            label=query.label,
            expression=query.expression,
            metric_stat=None
            if query.expression
            else _Policy.TargetTrackingMetricStatProperty(
                metric=_Policy.TargetTrackingMetricProperty(
                    namespace=query.namespace,
                    metric_name=query.metric,
                    dimensions=[
                        _Policy.TargetTrackingMetricDimensionProperty(name=name, value=value)
                        for name, value in query.dimensions
                    ],
                ),
                stat="Average",
            ),
            return_data=query is queries[-1],
        )
        for query in queries
    ]
