"""The key that encrypts the network's log groups."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct


class LogKey(Construct):
    """A KMS key that CloudWatch Logs may use for log groups of this stack and for nothing else."""

    def __init__(self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{stack.stack_name}-*"
        key = kms.CfnKey(
            self,
            "Key",
            description=f"Log groups of {stack.stack_name}",
            enable_key_rotation=True,
            key_policy={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "AccountAdministersThroughIam",
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:{stack.partition}:iam::{stack.account}:root"},
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "LogsOfThisStack",
                        "Effect": "Allow",
                        "Principal": {"Service": f"logs.{stack.region}.amazonaws.com"},
                        "Action": [
                            "kms:Decrypt",
                            "kms:DescribeKey",
                            "kms:Encrypt",
                            "kms:GenerateDataKey*",
                            "kms:ReEncrypt*",
                        ],
                        "Resource": "*",
                        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
                    },
                ],
            },
        )
        key.apply_removal_policy(removal_policy)
        self.arn = key.attr_arn
