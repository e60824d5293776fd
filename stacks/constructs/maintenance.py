"""The sweeper, every few minutes: sends what was never sent, and settles what nobody else will."""

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.queues import look_after_dead_letters
from stacks.constructs.roles import OBJECTS, Permission, ScopedRole, ecs_tasks, service, use_key
from stacks.constructs.run_task import run_task
from stacks.constructs.task import FARGATE_PLATFORM, Place, Task
from stacks.data import DataStack
from stacks.messaging import MessagingStack

_EVERY_MINUTES = 5

_Schedule = scheduler.CfnSchedule


def make_maintenance_role(
    scope: Construct, construct_id: str, *, data: DataStack, messaging: MessagingStack
) -> ScopedRole:
    """The role of the sweeper and of the operator's tools, which are the same task with other commands."""
    stack = cdk.Stack.of(scope)
    return ScopedRole(
        scope,
        construct_id,
        description="Maintenance tasks",
        assumed_by=ecs_tasks(stack),
        permissions=[
            Permission(sid="JobQueue", actions=["sqs:SendMessage"], resources=[messaging.queue.queue_arn]),
            look_after_dead_letters(messaging.dead_letter_queue),
            Permission(
                sid="AbandonedUploads",
                actions=["s3:AbortMultipartUpload"],
                resources=[data.uploads.arn_for_objects("uploads/*")],
                because=OBJECTS,
            ),
            Permission(sid="Secrets", actions=["secretsmanager:GetSecretValue"], resources=[data.database.secret_arn]),
            use_key(data.key, stack=stack, through=["sqs"]),
            use_key(data.key, stack=stack, through=["secretsmanager"], encrypt=False, sid="ReadWithDataKey"),
        ],
    )


class Sweeper(Construct):
    """A schedule that starts the maintenance task.

    Attributes:
        group: of schedules; its name is what the scheduler's metrics are known by.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster: ecs.CfnCluster,
        task: Task,
        subnet_ids: Sequence[str],
        security_group_id: str,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        # A group of its own: the scheduler counts starts and failures by group and by nothing finer.
        self.group = scheduler.CfnScheduleGroup(self, "Schedules")
        self._role = ScopedRole(
            self,
            "Role",
            description="Starts the sweeper",
            assumed_by=service(stack, "scheduler", source=f"scheduler:schedule-group/{self.group.ref}"),
            permissions=run_task(task, cluster=cluster),
        )
        self.schedule = _Schedule(
            self,
            "Schedule",
            description="Sends what was never sent, and settles what nobody else will",
            group_name=self.group.ref,
            schedule_expression=f"rate({_EVERY_MINUTES} minutes)",
            flexible_time_window=_Schedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=_Schedule.TargetProperty(
                arn=cluster.attr_arn,
                role_arn=self._role.arn,
                # The next one comes soon enough; two at a time are no better than one.
                retry_policy=_Schedule.RetryPolicyProperty(maximum_retry_attempts=2, maximum_event_age_in_seconds=120),
                ecs_parameters=_Schedule.EcsParametersProperty(
                    task_definition_arn=task.definition.ref,
                    task_count=1,
                    launch_type=Place.FARGATE,
                    platform_version=FARGATE_PLATFORM,
                    network_configuration=_Schedule.NetworkConfigurationProperty(
                        awsvpc_configuration=_Schedule.AwsVpcConfigurationProperty(
                            subnets=list(subnet_ids), security_groups=[security_group_id], assign_public_ip="DISABLED"
                        )
                    ),
                ),
            ),
        )
        self.schedule.add_resource_dependency(self._role.policy)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about the role's wildcards."""
        return self._role.acknowledgements()
