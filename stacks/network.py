"""The Network stack: where everything else lives, and who may talk to whom there."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.default_security_group import ClosedDefaultSecurityGroup
from stacks.constructs.endpoints import Endpoints
from stacks.constructs.flow_logs import FlowLogs
from stacks.constructs.log_key import LogKey
from stacks.constructs.naming import name_tag
from stacks.constructs.network_acls import NetworkAcls
from stacks.constructs.security_groups import SecurityGroups
from stacks.constructs.subnets import Subnets
from stacks.settings import Settings
from stacks.traffic import Party


class NetworkStack(PlatformStack):
    """VPC, subnets, routes, NAT, network ACLs, all security groups, endpoints and flow logs.

    It owns every security group and every rule, so that no two stacks depend on each other through one.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id, settings=settings)
        kept = cdk.RemovalPolicy.RETAIN if settings.termination_protection else cdk.RemovalPolicy.DESTROY
        self.vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=str(settings.network.cidr),
            # Both are what lets an interface endpoint answer to the service's public name.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=name_tag(settings, "vpc"),
        )
        self.subnets = Subnets(self, "Subnets", settings=settings, vpc=self.vpc)
        self.network_acls = NetworkAcls(self, "NetworkAcls", settings=settings, vpc=self.vpc, subnets=self.subnets)
        self.security_groups = SecurityGroups(self, "SecurityGroups", settings=settings, vpc=self.vpc)
        self.endpoints = Endpoints(
            self,
            "Endpoints",
            settings=settings,
            vpc=self.vpc,
            subnets=self.subnets,
            security_group=self.security_groups.groups[Party.ENDPOINTS],
        )
        self.log_key = LogKey(self, "LogKey", removal_policy=kept)
        self.flow_logs = FlowLogs(
            self,
            "FlowLogs",
            settings=settings,
            vpc=self.vpc,
            key_arn=self.log_key.arn,
            removal_policy=kept,
        )
        self.default_security_group = ClosedDefaultSecurityGroup(
            self,
            "DefaultSecurityGroup",
            vpc=self.vpc,
            key_arn=self.log_key.arn,
            log_retention_days=settings.network.flow_log_retention_days,
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for."""
        yield from self.subnets.acknowledgements()
        yield from self.network_acls.acknowledgements()
        yield from self.security_groups.acknowledgements()
        yield from self.default_security_group.acknowledgements()
        for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
            yield Acknowledgement(
                resource=self.vpc,
                rule=f"{pack}-VPCDefaultSecurityGroupClosed",
                reason="ACCEPTED: closed by the custom resource DefaultSecurityGroup, which the rule cannot see",
            )
