"""The topic that every alarm ends at, and the people who hear of it."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.stateful import pin
from stacks.settings import Settings


class AlarmTopic(Construct):
    """Alarms, events and budgets of this account publish here; each address of the settings confirms once."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        pin(self.topic, "AlarmTopic")
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PublishersOfAlarms",
                principals=[
                    iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("cloudwatch", "events", "budgets")
                ],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        for address in settings.observability.alarm_emails:
            sns.CfnSubscription(
                self, f"Email {address}", topic_arn=self.topic.topic_arn, protocol="email", endpoint=address
            )
