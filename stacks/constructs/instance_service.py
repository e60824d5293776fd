"""An ECS service on instances of its own: one task per instance, over all zones."""

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.task import Task


def make_instance_service(
    scope: Construct,
    construct_id: str,
    *,
    cluster: ecs.CfnCluster,
    capacity: ecs.CfnClusterCapacityProviderAssociations,
    instances: InstanceGroup,
    task: Task,
    subnet_ids: Sequence[str],
    security_group_id: str,
    rebalanced: bool,
    kept_in_service_percent: int,
    load_balancer: ecs.CfnService.LoadBalancerProperty | None = None,
    grace_s: int | None = None,
) -> ecs.CfnService:
    """The service. Its number of tasks is the scaling's, and stands nowhere else.

    Args:
        rebalanced: whether tasks are stopped in one zone to be started in another where fewer are.
        kept_in_service_percent: of the tasks, while a deployment replaces them.
        load_balancer, grace_s: where it is registered, and seconds from a task's start until its health counts.
    """
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
        load_balancers=[load_balancer] if load_balancer else None,
        health_check_grace_period_seconds=grace_s,
        placement_constraints=[ecs.CfnService.PlacementConstraintProperty(type="distinctInstance")],
        placement_strategies=[
            ecs.CfnService.PlacementStrategyProperty(type="spread", field="attribute:ecs.availability-zone")
        ],
        availability_zone_rebalancing="ENABLED" if rebalanced else "DISABLED",
        deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
            deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            minimum_healthy_percent=kept_in_service_percent,
            maximum_percent=200,
        ),
        enable_execute_command=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
    )
    # Made after the capacity, and gone before it: a provider in use cannot be deleted.
    service.add_resource_dependency(capacity)
    return service
