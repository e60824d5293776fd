"""The key that encrypts what the platform keeps."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.stateful import kept, pin
from stacks.settings import Settings

LOG_GROUPS = (
    "rawmill-{environment}-*",
    "/aws/rds/instance/rawmill-{environment}/*",
    "aws-waf-logs-rawmill-{environment}-*",
)
"""Names of the log groups that the key encrypts: those that CloudFormation names, and those that services insist on."""


class DataKey(Construct):
    """One customer key for buckets, queues, topics, secrets, the database, the session store and logs of all stacks.

    The account's IAM decides who may use it; the policy itself names only AWS services, which have no role of ours.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._environment = settings.name
        self._stack = cdk.Stack.of(self)
        self.key = kms.Key(
            self,
            "Key",
            description=f"Data of rawmill {settings.name}",
            enable_key_rotation=True,
            pending_window=cdk.Duration.days(30),
            removal_policy=kept(settings),
        )
        pin(self.key, "DataKey")
        self._let_logs_be_encrypted()
        self._let_alarms_be_published()

    def _let_logs_be_encrypted(self) -> None:
        stack = self._stack
        groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisEnvironment",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": [
                            groups + name.format(environment=self._environment) for name in LOG_GROUPS
                        ]
                    }
                },
            )
        )

    def _let_alarms_be_published(self) -> None:
        """Whoever publishes to an encrypted topic needs its key: SNS asks for it in the publisher's name.

        EventBridge has a statement of its own because KMS learns nothing of the rule that it publishes for: with
        `aws:SourceAccount` its events would be lost without an error. The topic's own policy asks for the account.
        """
        stack = self._stack
        topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:rawmill-{self._environment}-messaging-*"
        to_our_topics = {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}}
        for sid, services, conditions in (
            ("AlarmsAndBudgets", ("cloudwatch", "budgets"), {"StringEquals": {"aws:SourceAccount": stack.account}}),
            ("Events", ("events",), {}),
        ):
            self.key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{sid}ToTopicsOfThisEnvironment",
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com") for service in services],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                    conditions={**to_our_topics, **conditions},
                )
            )
