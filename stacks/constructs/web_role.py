"""What the web task may do: take on the signers, look at uploads, send messages, read its secrets."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.roles import allow, ecs_tasks, use_key
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
        # Not inside the role: the signers name the role, and this names the signers.
        self.policy = iam.ManagedPolicy(
            self,
            "Permissions",
            description="Web tasks",
            roles=[self.role],
            statements=[
                allow(["sts:AssumeRole"], [self.signers.upload.arn, self.signers.download.arn], sid="Signers"),
                allow(["s3:GetObject"], [data.uploads.arn_for_objects("uploads/*")], sid="CheckUploads"),
                allow(["sqs:GetQueueAttributes", "sqs:SendMessage"], [messaging.queue.queue_arn], sid="JobQueue"),
                allow(
                    ["secretsmanager:GetSecretValue"],
                    [data.database.secret_arn, data.django_secret_arn, data.session_store.secret_arn],
                    sid="Secrets",
                ),
                use_key(data.key, stack=stack, through=["s3", "secretsmanager"], encrypt=False, sid="ReadWithDataKey"),
                use_key(data.key, stack=stack, through=["sqs"], sid="SendWithDataKey"),
            ],
        )
