"""The role that RDS reports an instance's operating system with."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.acknowledgements import Acknowledgement


class EnhancedMonitoring(Construct):
    """May write to the log groups that RDS has for this, in the name of the one instance.

    It says what AWS's managed policy for the purpose says, of this account and region only. RDS refuses an instance
    whose role lacks any of it, so that the policy is made before the role is.
    """

    def __init__(self, scope: Construct, construct_id: str, *, instance_identifier: str) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        place = f"{stack.region}:{stack.account}"
        # The group is RDSOSMetrics; RDS makes it, and asks for the whole prefix.
        groups = f"arn:{stack.partition}:logs:{place}:log-group:RDS*"
        self._permissions = iam.CfnManagedPolicy(
            self,
            "Permissions",
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
                        "Resource": groups,
                    },
                    {
                        "Effect": "Allow",
                        "Action": [
                            "logs:CreateLogStream",
                            "logs:DescribeLogStreams",
                            "logs:GetLogEvents",
                            "logs:PutLogEvents",
                        ],
                        "Resource": f"{groups}:log-stream:*",
                    },
                ],
            },
        )
        role = iam.CfnRole(
            self,
            "Role",
            managed_policy_arns=[self._permissions.ref],
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "monitoring.rds.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        "Condition": {
                            "StringEquals": {
                                "aws:SourceAccount": stack.account,
                                "aws:SourceArn": f"arn:{stack.partition}:rds:{place}:db:{instance_identifier}",
                            }
                        },
                    }
                ],
            },
        )
        self.role_arn = role.attr_arn

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about names that only RDS knows."""
        stack = cdk.Stack.of(self)
        account = "<AWS::AccountId>" if cdk.Token.is_unresolved(stack.account) else stack.account
        groups = f"arn:aws:logs:{stack.region}:{account}:log-group:RDS*"
        for resource in (groups, f"{groups}:log-stream:*"):
            yield Acknowledgement(
                resource=self._permissions,
                rule=f"AwsSolutions-IAM5[Resource::{resource}]",
                reason="ACCEPTED: RDS names the log group and its streams, and asks for the whole prefix",
            )
