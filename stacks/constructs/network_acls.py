"""One network ACL per tier, derived from the traffic matrix."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.naming import name_tag, pascal
from stacks.constructs.subnets import Subnets
from stacks.firewall.network_acl import Direction, Packet, Rule, rules_of
from stacks.settings import Settings
from stacks.subnet_map import addresses_of
from stacks.traffic import FLOWS, Tier

_TCP = 6
_ICMP = 1
_FRAGMENTATION_NEEDED = ec2.CfnNetworkAclEntry.IcmpProperty(type=3, code=4)


class NetworkAcls(Construct):
    """The stateless half of the firewall, at the edge of every subnet."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, vpc: ec2.CfnVPC, subnets: Subnets
    ) -> None:
        super().__init__(scope, construct_id)
        self._judged: list[cdk.CfnResource] = []
        addresses = addresses_of(settings.network)
        for tier in Tier:
            acl = ec2.CfnNetworkAcl(self, pascal(tier), vpc_id=vpc.ref, tags=name_tag(settings, tier))
            self._judged.append(acl)
            for rule in rules_of(tier, flows=FLOWS, addresses=addresses):
                self._add_entry(tier, acl, rule)
            for letter, subnet in subnets.subnets[tier].items():
                ec2.CfnSubnetNetworkAclAssociation(
                    self,
                    f"{pascal(tier)}{letter.upper()}Association",
                    subnet_id=subnet.ref,
                    network_acl_id=acl.ref,
                )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about there being network ACLs at all."""
        for resource in self._judged:
            yield Acknowledgement(
                resource=resource,
                rule="AwsSolutions-VPC3",
                reason="ACCEPTED: derived from the traffic matrix with every return path, and tested flow by flow",
            )

    def _add_entry(self, tier: Tier, acl: ec2.CfnNetworkAcl, rule: Rule) -> None:
        tcp = rule.packet is Packet.TCP
        ports = ec2.CfnNetworkAclEntry.PortRangeProperty(from_=rule.ports.first, to=rule.ports.last)
        entry = ec2.CfnNetworkAclEntry(
            self,
            # The id is the number, so that what a rule says can change without replacing it.
            f"{pascal(tier)}{pascal(rule.direction)}{rule.number}",
            network_acl_id=acl.ref,
            rule_number=rule.number,
            egress=rule.direction is Direction.EGRESS,
            rule_action="allow" if rule.allow else "deny",
            protocol=_TCP if tcp else _ICMP,
            cidr_block=str(rule.block),
            port_range=ports if tcp else None,
            icmp=None if tcp else _FRAGMENTATION_NEEDED,
        )
        self._judged.append(entry)
