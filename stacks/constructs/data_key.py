"""The key that encrypts what the platform keeps."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings

_USE = ["kms:Decrypt", "kms:GenerateDataKey*"]


class DataKey(Construct):
    """One customer key for buckets, queues, topics, secrets, the database, the session store and logs of all stacks.

    The account's IAM decides who may use it; the policy itself names only AWS services, which have no role of ours.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Data of rawmill {settings.name}",
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(30),
            removal_policy=kept(settings),
        )
        pin(self.key, "DataKey")
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisEnvironment",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{prefix}"
                            for prefix in (f"rawmill-{settings.name}-*", f"/aws/rds/instance/rawmill-{settings.name}/*")
                        ]
                    }
                },
            )
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublishersOfAlarms",
                principals=[
                    iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("cloudwatch", "events", "budgets")
                ],
                actions=_USE,
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
