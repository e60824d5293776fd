"""The firewall of any flows, in the form of a template: for tests that need many and no synthesis."""

from collections.abc import Iterable, Iterator
from typing import Any

from stacks.firewall.network_acl import Addresses, Direction, Packet, rules_of
from stacks.firewall.security_groups import GROUPS, rules_of_groups
from stacks.traffic import Flow, Party
from tests.stacks.template import Template

Resources = Iterator[tuple[str, dict[str, Any]]]


def firewall_of(flows: Iterable[Flow], addresses: Addresses) -> Template:
    """Subnets, network ACLs and security groups as the stack would make them of these flows alone."""
    rows = list(flows)
    return Template({"Resources": dict([*_subnets_and_acls(rows, addresses), *_groups(rows)])})


def _subnets_and_acls(flows: list[Flow], addresses: Addresses) -> Resources:
    for tier, blocks in addresses.items():
        yield f"Acl-{tier}", _resource("NetworkAcl", tier)
        for rule in rules_of(tier, flows=flows, addresses=addresses):
            if rule.packet is Packet.TCP:
                entry = _resource("NetworkAclEntry")
                entry["Properties"] |= {
                    "NetworkAclId": {"Ref": f"Acl-{tier}"},
                    "RuleNumber": rule.number,
                    "Egress": rule.direction is Direction.EGRESS,
                    "RuleAction": "allow" if rule.allow else "deny",
                    "Protocol": 6,
                    "CidrBlock": str(rule.block),
                    "PortRange": {"From": rule.ports.first, "To": rule.ports.last},
                }
                yield f"Entry-{tier}-{rule.direction}-{rule.number}", entry
        for letter, block in blocks.items():
            subnet = _resource("Subnet", f"{tier}-{letter}")
            subnet["Properties"]["CidrBlock"] = str(block)
            yield f"Subnet-{tier}-{letter}", subnet
            association = _resource("SubnetNetworkAclAssociation")
            association["Properties"] |= {
                "SubnetId": {"Ref": f"Subnet-{tier}-{letter}"},
                "NetworkAclId": {"Ref": f"Acl-{tier}"},
            }
            yield f"Association-{tier}-{letter}", association


def _groups(flows: list[Flow]) -> Resources:
    groups = {party: _resource("SecurityGroup", _name(party)) for party in GROUPS}
    for number, rule in enumerate(rules_of_groups(flows)):
        direction = rule.direction.value.capitalize()
        ports = {"IpProtocol": "tcp", "FromPort": rule.port, "ToPort": rule.port}
        if rule.peer is None:
            inline = groups[rule.group]["Properties"].setdefault(f"SecurityGroup{direction}", [])
            inline.append({**ports, "CidrIp": "0.0.0.0/0"})
            continue
        other = "SourceSecurityGroupId" if rule.direction is Direction.INGRESS else "DestinationSecurityGroupId"
        standalone = _resource(f"SecurityGroup{direction}")
        standalone["Properties"] |= {
            **ports,
            "GroupId": {"Ref": f"Group-{_name(rule.group)}"},
            other: {"Ref": f"Group-{_name(rule.peer)}"},
        }
        yield f"Rule-{number}", standalone
    for party, group in groups.items():
        yield f"Group-{_name(party)}", group


def _name(party: Party) -> str:
    return party.value.replace(" ", "-")


def _resource(kind: str, name: str = "") -> dict[str, Any]:
    tags = [{"Key": "Environment", "Value": "any"}, {"Key": "Name", "Value": f"rawmill-any-{name}"}]
    return {"Type": f"AWS::EC2::{kind}", "Properties": {"Tags": tags}}
