"""What workers may do, on instances and on Fargate: work off the queue, read and write pictures, protect themselves."""

import aws_cdk as cdk
from constructs import Construct

from stacks.constructs.roles import ScopedRole, allow, ecs_tasks, use_key
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
        statements=[
            allow(
                [
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ],
                [messaging.queue.queue_arn],
                sid="JobQueue",
            ),
            allow(["sqs:SendMessage"], [messaging.dead_letter_queue.queue_arn], sid="DeadLetters"),
            allow(["s3:GetObject"], [data.uploads.arn_for_objects("uploads/*")], sid="ReadUploads"),
            allow(["s3:GetObject", "s3:PutObject"], [data.vault.arn_for_objects("originals/*")], sid="KeepOriginals"),
            allow(
                ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                [data.results.arn_for_objects("results/*")],
                sid="WriteResults",
            ),
            allow(["secretsmanager:GetSecretValue"], [data.database.secret_arn], sid="Secrets"),
            use_key(data.key, stack=stack, through=["s3", "sqs"]),
            use_key(data.key, stack=stack, through=["secretsmanager"], encrypt=False, sid="ReadWithDataKey"),
            allow(["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], [tasks], sid="ProtectItself"),
        ],
    )
