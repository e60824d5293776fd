"""The worker service on instances: one task per instance, over all zones, never stopped in mid-image for good."""

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.task import Task


def make_worker_service(
    scope: Construct,
    construct_id: str,
    *,
    cluster: ecs.CfnCluster,
    capacity: ecs.CfnClusterCapacityProviderAssociations,
    instances: InstanceGroup,
    task: Task,
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
        placement_constraints=[ecs.CfnService.PlacementConstraintProperty(type="distinctInstance")],
        placement_strategies=[
            ecs.CfnService.PlacementStrategyProperty(type="spread", field="attribute:ecs.availability-zone")
        ],
        # Balance among zones is worth no worker's being stopped: the next ones are placed where fewest are.
        availability_zone_rebalancing="DISABLED",
        deployment_configuration=ecs.CfnService.DeploymentConfigurationProperty(
            deployment_circuit_breaker=ecs.CfnService.DeploymentCircuitBreakerProperty(enable=True, rollback=True),
            # Nobody waits for a worker but the queue. With none kept in service idle ones make room at once, where the
            # group is at its limit too; busy ones are protected, and make room when they have finished.
            minimum_healthy_percent=0,
            maximum_percent=200,
        ),
        enable_execute_command=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
    )
    # Made after the capacity, and gone before it: a provider in use cannot be deleted.
    service.add_resource_dependency(capacity)
    return service
