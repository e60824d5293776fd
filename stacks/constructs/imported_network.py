"""The Network stack as CDK's higher constructs want to see it: `IVpc`, `ISubnet`, `ISecurityGroup`."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.constructs.naming import pascal
from stacks.network import NetworkStack
from stacks.settings import Settings
from stacks.subnet_map import zone_names
from stacks.traffic import Party, Tier


class ImportedNetwork(Construct):
    """The network in the eyes of another stack, which reads it and cannot change it.

    Security groups are imported as immutable: a rule comes from the traffic matrix or not at all, and a construct that
    means to add one adds nothing.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, network: NetworkStack) -> None:
        super().__init__(scope, construct_id)
        self._network = network
        subnets = network.subnets
        tables = {tier: [table.ref for table in subnets.route_tables[tier].values()] for tier in Tier}
        self.vpc: ec2.IVpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=network.vpc.ref,
            vpc_cidr_block=str(settings.network.cidr),
            availability_zones=list(zone_names(settings.network).values()),
            public_subnet_ids=subnets.ids(Tier.PUBLIC),
            public_subnet_route_table_ids=tables[Tier.PUBLIC],
            private_subnet_ids=subnets.ids(Tier.APP),
            private_subnet_route_table_ids=tables[Tier.APP],
            isolated_subnet_ids=subnets.ids(Tier.DB),
            isolated_subnet_route_table_ids=tables[Tier.DB],
        )
        self._security_groups = {
            party: ec2.SecurityGroup.from_security_group_id(self, pascal(party), group.attr_group_id, mutable=False)
            for party, group in network.security_groups.groups.items()
        }

    def security_group(self, party: Party) -> ec2.ISecurityGroup:
        """The one security group of a party."""
        return self._security_groups[party]

    def subnets(self, tier: Tier) -> ec2.SubnetSelection:
        """All subnets of a tier, for constructs that select."""
        of_tier = {
            Tier.PUBLIC: self.vpc.public_subnets,
            Tier.APP: self.vpc.private_subnets,
            Tier.DB: self.vpc.isolated_subnets,
        }
        return ec2.SubnetSelection(subnets=of_tier[tier])

    def subnet_ids(self, tier: Tier) -> list[str]:
        """All subnets of a tier, in the order of the zones, for plain CloudFormation."""
        return self._network.subnets.ids(tier)
