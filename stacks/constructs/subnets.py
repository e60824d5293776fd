"""Subnets, their route tables, and the ways out: an internet gateway, and NAT in each zone."""

from collections.abc import Iterator

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.naming import name_tag, pascal
from stacks.firewall.network_acl import ZoneLetter
from stacks.settings import Settings
from stacks.subnet_map import addresses_of, nat_of, zone_names
from stacks.traffic import Tier

INTERNET = "0.0.0.0/0"


class Subnets(Construct):
    """A subnet with a route table of its own for each tier in each zone.

    The public tier's default route is the internet gateway. The app tier's is the NAT gateway of the same zone, so
    that a zone that fails takes no other zone's way out with it. The database tier has none.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, vpc: ec2.CfnVPC) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._vpc = vpc
        self.subnets: dict[Tier, dict[ZoneLetter, ec2.CfnSubnet]] = {tier: {} for tier in Tier}
        self.route_tables: dict[Tier, dict[ZoneLetter, ec2.CfnRouteTable]] = {tier: {} for tier in Tier}
        self.nat_gateways: dict[ZoneLetter, ec2.CfnNatGateway] = {}
        self.public_routes: dict[ZoneLetter, ec2.CfnRoute] = {}

        addresses = addresses_of(settings.network)
        for letter, zone in zone_names(settings.network).items():
            for tier in Tier:
                self._add_subnet(tier, letter, zone, str(addresses[tier][letter]))
        self._route_public_tier_to_internet()
        self._route_app_tier_to_nat()

    def ids(self, tier: Tier) -> list[str]:
        """The subnets of a tier, in the order of the zones."""
        return [subnet.ref for subnet in self.subnets[tier].values()]

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about what makes a public tier public, and zones fixed."""
        for route in self.public_routes.values():
            for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
                yield Acknowledgement(
                    resource=route,
                    rule=f"{pack}-VPCNoUnrestrictedRouteToIGW",
                    reason="ACCEPTED: this is the public tier, which holds the load balancer and NAT gateways only",
                )
        for subnet in (subnet for tier in self.subnets.values() for subnet in tier.values()):
            yield Acknowledgement(
                resource=subnet,
                rule="CloudFormation-Validate::W3010",
                reason="ACCEPTED: a zone keeps its addresses; zones looked up could come back in another order",
            )

    def _add_subnet(self, tier: Tier, letter: ZoneLetter, zone: str, block: str) -> None:
        name = f"{tier}-{letter}"
        subnet = ec2.CfnSubnet(
            self,
            pascal(name),
            vpc_id=self._vpc.ref,
            availability_zone=zone,
            cidr_block=block,
            # Even in the public tier nothing gets a public address by accident: load balancer and NAT ask for theirs.
            map_public_ip_on_launch=False,
            tags=name_tag(self._settings, name),
        )
        table = ec2.CfnRouteTable(
            self, f"{pascal(name)}Routes", vpc_id=self._vpc.ref, tags=name_tag(self._settings, name)
        )
        ec2.CfnSubnetRouteTableAssociation(
            self, f"{pascal(name)}RoutesAssociation", subnet_id=subnet.ref, route_table_id=table.ref
        )
        self.subnets[tier][letter] = subnet
        self.route_tables[tier][letter] = table

    def _route_public_tier_to_internet(self) -> None:
        gateway = ec2.CfnInternetGateway(self, "InternetGateway", tags=name_tag(self._settings, "internet"))
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self._vpc.ref, internet_gateway_id=gateway.ref
        )
        for letter, table in self.route_tables[Tier.PUBLIC].items():
            route = ec2.CfnRoute(
                self,
                f"Public{letter.upper()}ToInternet",
                route_table_id=table.ref,
                destination_cidr_block=INTERNET,
                gateway_id=gateway.ref,
            )
            route.add_resource_dependency(attachment)
            self.public_routes[letter] = route

    def _route_app_tier_to_nat(self) -> None:
        nat_of_zone = nat_of(self._settings.network)
        for letter in dict.fromkeys(nat_of_zone.values()):
            self.nat_gateways[letter] = self._add_nat_gateway(letter)
        for letter, table in self.route_tables[Tier.APP].items():
            ec2.CfnRoute(
                self,
                f"PrivateApp{letter.upper()}ToNat",
                route_table_id=table.ref,
                destination_cidr_block=INTERNET,
                nat_gateway_id=self.nat_gateways[nat_of_zone[letter]].ref,
            )

    def _add_nat_gateway(self, letter: ZoneLetter) -> ec2.CfnNatGateway:
        tags = name_tag(self._settings, f"nat-{letter}")
        address = ec2.CfnEIP(self, f"NatAddress{letter.upper()}", domain="vpc", tags=tags)
        gateway = ec2.CfnNatGateway(
            self,
            f"NatGateway{letter.upper()}",
            subnet_id=self.subnets[Tier.PUBLIC][letter].ref,
            allocation_id=address.attr_allocation_id,
            tags=tags,
        )
        # Addresses and gateways are refused until the VPC has its way to the internet, and deleted before it goes.
        address.add_resource_dependency(self.public_routes[letter])
        gateway.add_resource_dependency(self.public_routes[letter])
        return gateway
