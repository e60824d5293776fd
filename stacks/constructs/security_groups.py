"""One security group per party, with the rules of the traffic matrix. No other stack adds a rule."""

from collections.abc import Iterator, Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.naming import name_tag, pascal
from stacks.firewall.network_acl import ANYWHERE, Direction
from stacks.firewall.security_groups import GROUPS, GroupRule, rules_of_groups
from stacks.settings import Settings
from stacks.traffic import FLOWS, Party

_NOWHERE = ec2.CfnSecurityGroup.EgressProperty(
    # A group without any egress rule is given one that allows everything; this one matches nothing that exists.
    ip_protocol="icmp",
    from_port=252,
    to_port=86,
    cidr_ip="255.255.255.255/32",
    description="Nothing leaves but what the traffic matrix names",
)


class SecurityGroups(Construct):
    """The stateful half of the firewall, at every network interface.

    Rules to and from anywhere stand in their group. Rules between two groups are resources of their own: groups that
    name each other could not be made in any order.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, vpc: ec2.CfnVPC) -> None:
        super().__init__(scope, construct_id)
        rules = rules_of_groups(FLOWS)
        self.groups: dict[Party, ec2.CfnSecurityGroup] = {
            party: self._add_group(party, [rule for rule in rules if rule.group is party], settings, vpc)
            for party in GROUPS
        }
        for rule in rules:
            if rule.peer is not None:
                self._add_rule_between(rule, rule.peer)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about the one group that is open to the internet."""
        yield Acknowledgement(
            resource=self.groups[Party.LOAD_BALANCER],
            rule="AwsSolutions-EC23",
            reason="ACCEPTED: the load balancer is the platform's public entrance: 443, and 80 only to be redirected",
        )

    def _add_group(
        self, party: Party, rules: Sequence[GroupRule], settings: Settings, vpc: ec2.CfnVPC
    ) -> ec2.CfnSecurityGroup:
        open_rules = [rule for rule in rules if rule.peer is None]
        ingress = [
            ec2.CfnSecurityGroup.IngressProperty(
                ip_protocol="tcp", from_port=rule.port, to_port=rule.port, cidr_ip=str(ANYWHERE), description=rule.why
            )
            for rule in open_rules
            if rule.direction is Direction.INGRESS
        ]
        egress = [
            ec2.CfnSecurityGroup.EgressProperty(
                ip_protocol="tcp", from_port=rule.port, to_port=rule.port, cidr_ip=str(ANYWHERE), description=rule.why
            )
            for rule in open_rules
            if rule.direction is Direction.EGRESS
        ]
        return ec2.CfnSecurityGroup(
            self,
            pascal(party),
            vpc_id=vpc.ref,
            group_description=f"{pascal(party)} of {settings.name}",
            security_group_ingress=ingress or None,
            security_group_egress=egress or [_NOWHERE],
            tags=name_tag(settings, party.replace(" ", "-")),
        )

    def _add_rule_between(self, rule: GroupRule, peer: Party) -> None:
        group, other = self.groups[rule.group].attr_group_id, self.groups[peer].attr_group_id
        name = f"{pascal(rule.group)}{pascal(rule.direction)}{pascal(peer)}{rule.port}"
        if rule.direction is Direction.INGRESS:
            ec2.CfnSecurityGroupIngress(
                self,
                name,
                group_id=group,
                source_security_group_id=other,
                ip_protocol="tcp",
                from_port=rule.port,
                to_port=rule.port,
                description=rule.why,
            )
        else:
            ec2.CfnSecurityGroupEgress(
                self,
                name,
                group_id=group,
                destination_security_group_id=other,
                ip_protocol="tcp",
                from_port=rule.port,
                to_port=rule.port,
                description=rule.why,
            )
