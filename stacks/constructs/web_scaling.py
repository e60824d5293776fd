"""How many web tasks there are: enough for the processors they use and for the requests they get."""

from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.web_entrance import WebEntrance
from stacks.settings import WebSettings

_Policy = scaling.CfnScalingPolicy

_SCALE_OUT_COOLDOWN_S = 60
_SCALE_IN_COOLDOWN_S = 300


def spare_for_deployments(web: WebSettings) -> int:
    """Instances that stay without a task: where one is free, a deployment starts a task before it stops another."""
    return 1 if web.max_instances > web.min_instances else 0


class WebScaling(Construct):
    """Two target tracking policies; the one that wants more tasks has its way."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        web: WebSettings,
        cluster: ecs.CfnCluster,
        service: ecs.CfnService,
        entrance: WebEntrance,
    ) -> None:
        super().__init__(scope, construct_id)
        self._target = scaling.CfnScalableTarget(
            self,
            "Tasks",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{cluster.ref}/{service.attr_name}",
            min_capacity=web.min_instances,
            max_capacity=web.max_instances - spare_for_deployments(web),
        )
        self._track("Cpu", "ECSServiceAverageCPUUtilization", web.cpu_target_percent)
        label = (
            f"{entrance.load_balancer.attr_load_balancer_full_name}/{entrance.target_group.attr_target_group_full_name}"
        )
        self._track("Requests", "ALBRequestCountPerTarget", web.requests_per_target, label)

    def _track(self, name: str, metric: str, target: float, label: str | None = None) -> None:
        _Policy(
            self,
            name,
            policy_name=name,
            policy_type="TargetTrackingScaling",
            scaling_target_id=self._target.ref,
            target_tracking_scaling_policy_configuration=_Policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=target,
                predefined_metric_specification=_Policy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type=metric, resource_label=label
                ),
                scale_out_cooldown=_SCALE_OUT_COOLDOWN_S,
                scale_in_cooldown=_SCALE_IN_COOLDOWN_S,
            ),
        )
