"""The web service: one task per instance, over all zones, replaced without a request being lost."""

from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.instance_service import make_instance_service
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
    """The ECS service, behind the load balancer."""
    service = make_instance_service(
        scope,
        construct_id,
        cluster=cluster,
        capacity=capacity,
        instances=instances,
        task=task,
        subnet_ids=subnet_ids,
        security_group_id=security_group_id,
        # After a zone has come back its share of tasks does too.
        rebalanced=True,
        kept_in_service_percent=_kept_in_service_percent(settings.web),
        load_balancer=ecs.CfnService.LoadBalancerProperty(
            target_group_arn=entrance.target_group.ref,
            container_name=task.container_name,
            container_port=listening_port(Party.WEB),
        ),
        grace_s=_GRACE_S,
    )
    # Before the listener the target group belongs to no load balancer; the other way round, the service goes first.
    service.add_resource_dependency(entrance.listener)
    return service


def _kept_in_service_percent(web: WebSettings) -> int:
    """All tasks, where a free instance takes the first new one; otherwise all but one of the least there are."""
    if spare_for_deployments(web):
        return 100
    return 100 * (web.min_instances - 1) // web.min_instances
