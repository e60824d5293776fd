"""Ways to AWS services that touch neither NAT nor the internet."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.constructs.naming import name_tag, pascal
from stacks.constructs.subnets import Subnets
from stacks.settings import Settings
from stacks.traffic import Tier


class Endpoints(Construct):
    """S3 through route tables, at no charge; the other services through network interfaces in the app tier."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        vpc: ec2.CfnVPC,
        subnets: Subnets,
        security_group: ec2.CfnSecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.s3 = ec2.CfnVPCEndpoint(
            self,
            "S3",
            vpc_id=vpc.ref,
            service_name=f"com.amazonaws.{settings.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[
                table.ref for tier in (Tier.APP, Tier.DB) for table in subnets.route_tables[tier].values()
            ],
            tags=name_tag(settings, "s3"),
        )
        for service in settings.network.endpoints:
            ec2.CfnVPCEndpoint(
                self,
                pascal(service),
                vpc_id=vpc.ref,
                service_name=f"com.amazonaws.{settings.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=subnets.ids(Tier.APP),
                security_group_ids=[security_group.attr_group_id],
                tags=name_tag(settings, service.replace(".", "-")),
            )
