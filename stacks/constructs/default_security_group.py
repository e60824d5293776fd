"""The VPC's default security group, closed."""

from collections.abc import Iterator
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.acknowledgements import Acknowledgement

_HANDLER = Path(__file__).resolve().parents[2] / "lambda" / "close_default_security_group" / "index.py"


class ClosedDefaultSecurityGroup(Construct):
    """Empties the group that AWS puts every interface into that names none, open to itself and to everywhere.

    No resource property does this. The function is our own rather than the one behind CDK's
    `restrictDefaultSecurityGroup`: that one changes its runtime, and with it every snapshot, as CDK is updated.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc: ec2.CfnVPC,
        key_arn: str,
        log_retention_days: int,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        group_id = vpc.attr_default_security_group
        records = logs.CfnLogGroup(self, "Records", retention_in_days=log_retention_days, kms_key_id=key_arn)
        records.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        role = iam.CfnRole(
            self,
            "Role",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            },
        )
        group_arn = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:security-group/{group_id}"
        policy = iam.CfnManagedPolicy(
            self,
            "Permissions",
            roles=[role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"],
                        "Resource": group_arn,
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                        "Resource": records.attr_arn,
                    },
                ],
            },
        )
        self._function = lambda_.CfnFunction(
            self,
            "Function",
            description="Takes every rule out of the default security group",
            runtime="python3.14",
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(zip_file=_HANDLER.read_text(encoding="utf-8")),
            role=role.attr_arn,
            timeout=60,
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=records.ref),
        )
        self._function.add_resource_dependency(policy)
        cdk.CfnResource(
            self,
            "Closed",
            type="Custom::ClosedDefaultSecurityGroup",
            properties={
                "ServiceToken": self._function.attr_arn,
                "ServiceTimeout": 120,
                "GroupId": group_id,
                "Account": stack.account,
            },
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings that suit functions which serve traffic."""
        for pack in ("NIST.800.53.R5", "HIPAA.Security"):
            yield self._accept(f"{pack}-LambdaConcurrency", "runs once per deployment, started by CloudFormation alone")
            yield self._accept(
                f"{pack}-LambdaDLQ", "CloudFormation waits for the answer and fails the stack without one"
            )
        for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
            yield self._accept(
                f"{pack}-LambdaInsideVPC", "calls only the EC2 API, before this VPC has a way out, and reads no data"
            )

    def _accept(self, rule: str, why: str) -> Acknowledgement:
        return Acknowledgement(resource=self._function, rule=rule, reason=f"ACCEPTED: {why}")
