"""An ECS cluster."""

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.instance_group import InstanceGroup


def make_cluster(scope: Construct, construct_id: str) -> ecs.CfnCluster:
    """A cluster that reports how many tasks each of its services runs."""
    return ecs.CfnCluster(
        scope,
        construct_id,
        cluster_settings=[
            # The only source of the number of running workers, which the backlog is divided by.
            ecs.CfnCluster.ClusterSettingsProperty(name="containerInsights", value="enabled")
        ],
    )


def give_capacity(
    scope: Construct, construct_id: str, *, cluster: ecs.CfnCluster, groups: Sequence[InstanceGroup]
) -> ecs.CfnClusterCapacityProviderAssociations:
    """Let a cluster's services use groups of instances, and its single tasks Fargate.

    Services have to depend on the result: CloudFormation then takes them down before it takes the instances away, and
    a provider that is still in use cannot be deleted.
    """
    return ecs.CfnClusterCapacityProviderAssociations(
        scope,
        construct_id,
        cluster=cluster.ref,
        capacity_providers=["FARGATE", *(group.capacity_provider.ref for group in groups)],
        # Services name their provider; nothing runs somewhere because nobody said where.
        default_capacity_provider_strategy=[],
    )
