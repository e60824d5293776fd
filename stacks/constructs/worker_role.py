"""What workers may do, on instances and on Fargate: work off the queue, read and write pictures, protect themselves."""

import aws_cdk as cdk
from constructs import Construct

from stacks.constructs.roles import OBJECTS, Permission, ScopedRole, ecs_tasks, use_key
from stacks.data import DataStack
from stacks.messaging import MessagingStack


def make_worker_role(
    scope: Construct, construct_id: str, *, data: DataStack, messaging: MessagingStack, cluster_name: str
) -> ScopedRole:
    """The role of worker and burst tasks."""
    stack = cdk.Stack.of(scope)
    tasks = f"arn:{stack.partition}:ecs:{stack.region}:{stack.account}:task/{cluster_name}/*"
    return ScopedRole(
        scope,
        construct_id,
        description="Worker tasks",
        assumed_by=ecs_tasks(stack),
        permissions=[
            Permission(
                sid="JobQueue",
                actions=[
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ],
                resources=[messaging.queue.queue_arn],
            ),
            Permission(
                sid="DeadLetters", actions=["sqs:SendMessage"], resources=[messaging.dead_letter_queue.queue_arn]
            ),
            Permission(
                sid="ReadUploads",
                actions=["s3:GetObject"],
                resources=[data.uploads.arn_for_objects("uploads/*")],
                because=OBJECTS,
            ),
            Permission(
                sid="KeepOriginals",
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[data.vault.arn_for_objects("originals/*")],
                because=OBJECTS,
            ),
            Permission(
                sid="WriteResults",
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resources=[data.results.arn_for_objects("results/*")],
                because=OBJECTS,
            ),
            Permission(sid="Secrets", actions=["secretsmanager:GetSecretValue"], resources=[data.database.secret_arn]),
            use_key(data.key, stack=stack, through=["s3", "sqs"]),
            use_key(data.key, stack=stack, through=["secretsmanager"], encrypt=False, sid="ReadWithDataKey"),
            Permission(
                sid="ProtectItself",
                actions=["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"],
                resources=[tasks],
                because="tasks of the worker cluster: a task has no name before it runs",
            ),
        ],
    )
