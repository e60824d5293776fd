"""The web service: one task per instance, over all zones, replaced without a request being lost."""

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.task import Task
from stacks.constructs.web_entrance import WebEntrance
from stacks.constructs.web_scaling import spare_for_deployments
from stacks.settings import Settings, WebSettings
from stacks.traffic import Party, listening_port

_GRACE_S = 180
"""The first task of a deployment migrates the database while the others wait for it."""


def make_web_service(
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    cluster: ecs.CfnCluster,
    capacity: ecs.CfnClusterCapacityProviderAssociations,
    instances: InstanceGroup,
    task: Task,
    entrance: WebEntrance,
    subnet_ids: Sequence[str],
    security_group_id: str,
) -> ecs.CfnService:
    """The ECS service. Its number of tasks is the scaling's, and stands nowhere else."""
    service = ecs.CfnService(
        scope,
        construct_id,
        cluster=cluster.ref,
        task_definition=task.definition.ref,
        capacity_provider_strategy=[
            ecs.CfnService.CapacityProviderStrategyItemProperty(
                capacity_provider=instances.capacity_provider.ref, base=0, weight=1
            )
        ],
        network_configuration=ecs.CfnService.NetworkConfigurationProperty(
            awsvpc_configuration=ecs.CfnService.AwsVpcConfigurationProperty(
                subnets=list(subnet_ids), security_groups=[security_group_id], assign_public_ip="DISABLED"
            )
        ),
        load_balancers=[
            ecs.CfnService.LoadBalancerProperty(
                target_group_arn=entrance.target_group.ref,
                container_name=task.container_name,
                container_port=listening_port(Party.WEB),
            )
        ],
        health_check_grace_period_seconds=_GRACE_S,
        placement_constraints=[ecs.CfnService.PlacementConstraintProperty(type="distinctInstance")],
        placement_strategies=[
            ecs.CfnService.PlacementStrategyProperty(type="spread", field="attribute:ecs.availability-zone")
        ],
        # After a zone has come back its share of tasks does too.
        availability_zone_rebalancing="ENABLED",
        deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
            deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            minimum_healthy_percent=_kept_in_service_percent(settings.web),
            maximum_percent=200,
        ),
        enable_execute_command=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
    )
    # Before the listener the target group belongs to no load balancer, and before the capacity there is no provider;
    # the other way round, the service is gone before either is taken away.
    service.add_resource_dependency(entrance.listener)
    service.add_resource_dependency(capacity)
    return service


def _kept_in_service_percent(web: WebSettings) -> int:
    """All tasks, where a free instance takes the first new one; otherwise all but one of the least there are."""
    if spare_for_deployments(web):
        return 100
    return 100 * (web.min_instances - 1) // web.min_instances
