"""The job queue, and the queue of messages that nobody could work off."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.roles import Permission
from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings


class Queues(Construct):
    """A message that is received too often without being deleted goes to the dead-letter queue."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        messaging = settings.messaging
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(messaging.dead_letter_retention_days),
            removal_policy=kept(settings),
        )
        pin(self.dead_letter_queue, "DeadLetterQueue")
        self.queue = sqs.Queue(
            self,
            "Jobs",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(messaging.visibility_timeout_s),
            retention_period=cdk.Duration.days(messaging.retention_days),
            receive_message_wait_time=cdk.Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=messaging.max_receive_count
            ),
            # Nothing is a dead letter of another queue here. The other way round CloudFormation cannot say it: the
            # dead-letter queue would have to name the job queue, which has to name it first.
            redrive_allow_policy=sqs.RedriveAllowPolicy(redrive_permission=sqs.RedrivePermission.DENY_ALL),
            removal_policy=kept(settings),
        )
        pin(self.queue, "JobQueue")
        for queue in (self.queue, self.dead_letter_queue):
            # A queue that is kept keeps its policy.
            cast("sqs.QueuePolicy", queue.node.find_child("Policy")).apply_removal_policy(kept(settings))


def look_after_dead_letters(queue: sqs.IQueue) -> Permission:
    """What the operator's tools and page do: list, redrive and delete what was given up."""
    return Permission(
        sid="DeadLetters",
        actions=["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        resources=[queue.queue_arn],
    )
