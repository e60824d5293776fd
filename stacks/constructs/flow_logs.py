"""VPC flow logs: every connection that was let through or turned away, with the subnet that decided."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.constructs.naming import name_tag
from stacks.settings import Settings

# Beside the default fields: the packet's own addresses behind NAT, its direction, its way out and the TCP flags, which
# tell a connection that was refused from one whose answer was dropped.
_FORMAT = (
    "${version} ${vpc-id} ${subnet-id} ${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} "
    "${srcport} ${dstport} ${protocol} ${tcp-flags} ${flow-direction} ${traffic-path} ${packets} ${bytes} "
    "${start} ${end} ${action} ${log-status}"
)


class FlowLogs(Construct):
    """Flow logs of the whole VPC in an encrypted log group.

    Attributes:
        records: the log group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        vpc: ec2.CfnVPC,
        key_arn: str,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.records = group = logs.CfnLogGroup(
            self, "Records", retention_in_days=settings.network.flow_log_retention_days, kms_key_id=key_arn
        )
        group.apply_removal_policy(removal_policy)
        role = iam.CfnRole(
            self,
            "Role",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        # Without it another account's flow logs could be delivered with this role.
                        "Condition": {"StringEquals": {"aws:SourceAccount": stack.account}},
                    }
                ],
            },
        )
        policy = iam.CfnManagedPolicy(
            self,
            "Delivery",
            roles=[role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                        "Resource": group.attr_arn,
                    }
                ],
            },
        )
        flow_log = ec2.CfnFlowLog(
            self,
            "FlowLog",
            resource_type="VPC",
            resource_id=vpc.ref,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_group_name=group.ref,
            deliver_logs_permission_arn=role.attr_arn,
            log_format=_FORMAT,
            max_aggregation_interval=60,
            tags=name_tag(settings, "flow-logs"),
        )
        # Records that arrive before the policy would be refused, and the log would stay in error.
        flow_log.add_resource_dependency(policy)
