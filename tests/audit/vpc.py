"""A VPC of two zones with three tiers, as a template that tests change: its network ACLs are the point."""

from typing import Any

ZONES = ("a", "b")
TIERS = {"Public": 0, "App": 10, "Db": 20}
ANYWHERE = "0.0.0.0/0"
INGRESS, EGRESS = False, True

Rule = tuple[bool, str, str, int, int]
"""Egress, allow or deny, block, first port, last port; protocol is TCP, or all when the first port is -1."""


def block(tier: str, zone: str) -> str:
    """The address block of a subnet."""
    return f"10.0.{TIERS[tier] + ZONES.index(zone) + 1}.0/24"


def blocks(tier: str) -> tuple[str, ...]:
    """The address blocks of a tier."""
    return tuple(block(tier, zone) for zone in ZONES)


def textbook() -> dict[str, list[Rule]]:
    """The list that is taught: what each tier takes in, and every ephemeral port out."""
    out = (EGRESS, "allow", ANYWHERE, 1024, 65_535)
    return {
        "Public": [(INGRESS, "allow", ANYWHERE, -1, -1), (EGRESS, "allow", ANYWHERE, -1, -1)],
        "App": [
            (INGRESS, "deny", ANYWHERE, 22, 22),
            *((INGRESS, "allow", source, 80, 80) for source in blocks("Public")),
            (EGRESS, "allow", ANYWHERE, 443, 443),
            *((EGRESS, "allow", target, 5432, 5432) for target in blocks("Db")),
            out,
        ],
        "Db": [*((INGRESS, "allow", source, 5432, 5432) for source in blocks("App")), out],
    }


def corrected() -> dict[str, list[Rule]]:
    """The textbook's list with the way back."""
    acls = textbook()
    acls["App"].append((INGRESS, "allow", ANYWHERE, 1024, 65_535))
    return acls


def template(acls: dict[str, list[Rule]]) -> dict[str, Any]:
    """Load balancer, instances and database in two zones, a NAT gateway in each, S3 through a gateway endpoint."""
    resources: dict[str, Any] = {
        "Vpc": _r("VPC", CidrBlock="10.0.0.0/16"),
        "Igw": _r("InternetGateway"),
        "Attachment": _r("VPCGatewayAttachment", VpcId=_ref("Vpc"), InternetGatewayId=_ref("Igw")),
        "S3": _r(
            "VPCEndpoint",
            VpcId=_ref("Vpc"),
            ServiceName="com.amazonaws.eu-west-1.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[_ref(f"AppTable{zone}") for zone in ZONES],
        ),
    }
    for tier in TIERS:
        resources[f"{tier}Acl"] = _r("NetworkAcl", VpcId=_ref("Vpc"))
        for number, rule in enumerate(acls[tier], start=1):
            resources[f"{tier}Acl{number}"] = _entry(f"{tier}Acl", number * 10, rule)
        for zone in ZONES:
            name = f"{tier}{zone}"
            resources[name] = _r(
                "Subnet", VpcId=_ref("Vpc"), CidrBlock=block(tier, zone), AvailabilityZone=f"eu-west-1{zone}"
            )
            resources[f"{tier}Table{zone}"] = _r("RouteTable", VpcId=_ref("Vpc"))
            resources[f"{name}Table"] = _r(
                "SubnetRouteTableAssociation", SubnetId=_ref(name), RouteTableId=_ref(f"{tier}Table{zone}")
            )
            resources[f"{name}Acl"] = _r(
                "SubnetNetworkAclAssociation", SubnetId=_ref(name), NetworkAclId=_ref(f"{tier}Acl")
            )
    for zone in ZONES:
        resources[f"Nat{zone}"] = _r("NatGateway", SubnetId=_ref(f"Public{zone}"))
        resources[f"PublicOut{zone}"] = _route(f"PublicTable{zone}", GatewayId=_ref("Igw"))
        resources[f"AppOut{zone}"] = _route(f"AppTable{zone}", NatGatewayId=_ref(f"Nat{zone}"))
    return {"Resources": resources | _groups() | _interfaces()}


def _groups() -> dict[str, Any]:
    def rule(way: str, own: str, port: int, **peer: Any) -> dict[str, Any]:
        return _r(f"SecurityGroup{way}", GroupId=_ref(own), IpProtocol="tcp", FromPort=port, ToPort=port, **peer)

    return {
        **{f"{name}Group": _r("SecurityGroup", VpcId=_ref("Vpc")) for name in ("Balancer", "Web", "Db")},
        "BalancerIn": rule("Ingress", "BalancerGroup", 443, CidrIp=ANYWHERE),
        "BalancerOut": rule("Egress", "BalancerGroup", 80, DestinationSecurityGroupId=_ref("WebGroup")),
        "WebIn": rule("Ingress", "WebGroup", 80, SourceSecurityGroupId=_ref("BalancerGroup")),
        "WebDb": rule("Egress", "WebGroup", 5432, DestinationSecurityGroupId=_ref("DbGroup")),
        "WebOut": rule("Egress", "WebGroup", 443, CidrIp=ANYWHERE),
        "DbIn": rule("Ingress", "DbGroup", 5432, SourceSecurityGroupId=_ref("WebGroup")),
        "DbOut": _r(
            "SecurityGroupEgress",
            GroupId=_ref("DbGroup"),
            IpProtocol="icmp",
            FromPort=252,
            ToPort=86,
            CidrIp="255.255.255.255/32",
        ),
    }


def _interfaces() -> dict[str, Any]:
    def subnets(tier: str) -> list[dict[str, str]]:
        return [_ref(f"{tier}{zone}") for zone in ZONES]

    return {
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {
                "Scheme": "internet-facing",
                "Subnets": subnets("Public"),
                "SecurityGroups": [_ref("BalancerGroup")],
            },
        },
        "Template": _r("LaunchTemplate", LaunchTemplateData={"SecurityGroupIds": [_ref("WebGroup")]}),
        "Web": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "VPCZoneIdentifier": subnets("App"),
                "LaunchTemplate": {"LaunchTemplateId": _ref("Template"), "Version": "1"},
            },
        },
        "DbSubnets": {"Type": "AWS::RDS::DBSubnetGroup", "Properties": {"SubnetIds": subnets("Db")}},
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {"DBSubnetGroupName": _ref("DbSubnets"), "VPCSecurityGroups": [_ref("DbGroup")]},
        },
    }


def _entry(acl: str, number: int, rule: Rule) -> dict[str, Any]:
    egress, action, cidr, first, last = rule
    ports = {} if first == -1 else {"PortRange": {"From": first, "To": last}}
    return _r(
        "NetworkAclEntry",
        NetworkAclId=_ref(acl),
        RuleNumber=number,
        Protocol=-1 if first == -1 else 6,
        RuleAction=action,
        Egress=egress,
        CidrBlock=cidr,
        **ports,
    )


def _route(table: str, **target: Any) -> dict[str, Any]:
    return _r("Route", RouteTableId=_ref(table), DestinationCidrBlock=ANYWHERE, **target)


def _r(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"Ref": name}
