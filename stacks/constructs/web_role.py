"""What the web task may do: take on the signers, look at uploads, send and redrive messages, read its secrets."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.queues import look_after_dead_letters
from stacks.constructs.roles import OBJECTS, Permission, Permissions, ecs_tasks, use_key
from stacks.constructs.web_signers import WebSigners
from stacks.data import DataStack
from stacks.messaging import MessagingStack


class WebRole(Construct):
    """The role of the web task, and the signers that only it may take on."""

    def __init__(self, scope: Construct, construct_id: str, *, data: DataStack, messaging: MessagingStack) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.role = iam.Role(self, "Role", assumed_by=ecs_tasks(stack), description="Web tasks")
        self.signers = WebSigners(self, "Signers", data=data, web_role=self.role)
        self._permissions = Permissions(
            self,
            "Permissions",
            role=self.role,
            permissions=[
                Permission(
                    sid="Signers",
                    actions=["sts:AssumeRole"],
                    resources=[self.signers.upload.arn, self.signers.download.arn],
                ),
                Permission(
                    sid="CheckUploads",
                    actions=["s3:GetObject"],
                    resources=[data.uploads.arn_for_objects("uploads/*")],
                    because=OBJECTS,
                ),
                Permission(
                    sid="JobQueue",
                    actions=["sqs:GetQueueAttributes", "sqs:SendMessage"],
                    resources=[messaging.queue.queue_arn],
                ),
                look_after_dead_letters(messaging.dead_letter_queue),
                Permission(
                    sid="Secrets",
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[data.database.secret_arn, data.django_secret_arn, data.session_store.secret_arn],
                ),
                use_key(data.key, stack=stack, through=["s3", "secretsmanager"], encrypt=False, sid="ReadWithDataKey"),
                use_key(data.key, stack=stack, through=["sqs"], sid="SendWithDataKey"),
            ],
        )
        self.policy = self._permissions.resource

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about its wildcards, and its signers'."""
        yield from self._permissions.acknowledgements()
        yield from self.signers.acknowledgements()
