"""Networks of any size that nobody designed: as many zones, tiers and rules as asked, the same again for a seed.

Rules overlap, contradict each other and cut subnets in half; interfaces have several security groups, public addresses
where they are of no use, and neighbours in their own subnet. `python -m tests.audit.large` prints how long the audit
takes for one of six zones, 60 subnets and 500 rules.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from random import Random
from typing import Any

from audit.assembly import load_assembly
from audit.reach.invariants import Invariants
from audit.reach.load import read_network
from audit.reach.matrix import as_json
from audit.reach.prove import prove
from tests.audit.folders import write_assembly

LIMIT_S = 30.0
_PORTS = ((22, 22), (80, 80), (443, 443), (3306, 3306), (5432, 5432), (6379, 6379), (8000, 8100))
_EPHEMERAL = ((1024, 65_535), (32_768, 60_999), (32_768, 65_535))
_VPC = IPv4Network("10.0.0.0/16")


def template(*, zones: int, tiers: int, rules: int, seed: int = 0) -> dict[str, Any]:
    """A template. Half of the rules are of network ACLs, half of security groups; the first tier is public."""
    random = Random(seed)
    blocks = list(_VPC.subnets(new_prefix=22))
    subnets = {(tier, zone): blocks[tier * zones + zone] for tier in range(tiers) for zone in range(zones)}
    resources: dict[str, Any] = {
        "Vpc": _ec2("VPC", CidrBlock=str(_VPC)),
        "Igw": _ec2("InternetGateway"),
        "Attachment": _ec2("VPCGatewayAttachment", VpcId=_ref("Vpc"), InternetGatewayId=_ref("Igw")),
    }
    for tier in range(tiers):
        resources[f"Acl{tier}"] = _ec2("NetworkAcl", VpcId=_ref("Vpc"))
        # A group without an egress rule lets everything out: half of them have one that allows nothing.
        closed = {"SecurityGroupEgress": [_rule("icmp", 252, 86, CidrIp="255.255.255.255/32")]} if tier % 2 else {}
        resources[f"Group{tier}"] = _ec2("SecurityGroup", VpcId=_ref("Vpc"), **closed)
    for (tier, zone), block in subnets.items():
        resources |= dict(_subnet(random, tier, zone, block))
    tables = [_ref(f"Table{tier}Zone{zone}") for tier, zone in subnets if random.random() < 0.6]
    resources["S3"] = _ec2(
        "VPCEndpoint", VpcId=_ref("Vpc"), ServiceName="com.amazonaws.eu-west-1.s3", RouteTableIds=tables
    )
    resources |= dict(_acl_entries(random, tiers, rules // 2, list(map(str, subnets.values()))))
    resources |= dict(_group_rules(random, tiers, rules - rules // 2, list(map(str, subnets.values()))))
    resources |= dict(_interfaces(random, tiers, zones))
    return {"Resources": resources}


def _subnet(random: Random, tier: int, zone: int, block: IPv4Network) -> Iterator[tuple[str, Any]]:
    name, table = f"Tier{tier}Zone{zone}", f"Table{tier}Zone{zone}"
    yield name, _ec2("Subnet", VpcId=_ref("Vpc"), CidrBlock=str(block), AvailabilityZone=f"eu-west-1{'abcdef'[zone]}")
    yield table, _ec2("RouteTable", VpcId=_ref("Vpc"))
    yield f"{name}Routes", _ec2("SubnetRouteTableAssociation", SubnetId=_ref(name), RouteTableId=_ref(table))
    if random.random() < 0.9:
        yield f"{name}Acl", _ec2("SubnetNetworkAclAssociation", SubnetId=_ref(name), NetworkAclId=_ref(f"Acl{tier}"))
    if tier == 0:
        yield f"{name}Nat", _ec2("NatGateway", SubnetId=_ref(name))
        yield f"{name}Out", _route(table, GatewayId=_ref("Igw"))
    elif random.random() < 0.7:
        # Mostly through the own zone's gateway.
        by = zone if random.random() < 0.7 else 0
        yield f"{name}Out", _route(table, NatGatewayId=_ref(f"Tier0Zone{by}Nat"))


def _acl_entries(random: Random, tiers: int, number: int, blocks: list[str]) -> Iterator[tuple[str, Any]]:
    for index in range(number):
        answers = random.random() < 0.35
        first, last = random.choice(_EPHEMERAL if answers else _PORTS)
        every = random.random() < 0.1
        yield (
            f"Entry{index}",
            _ec2(
                "NetworkAclEntry",
                NetworkAclId=_ref(f"Acl{index % tiers}"),
                Egress=random.random() < 0.5,
                RuleNumber=10 + index // tiers * 10 if random.random() < 0.9 else 30_000 - index,
                RuleAction="allow" if answers or random.random() < 0.7 else "deny",
                Protocol=-1 if every else random.choice((6, 6, 6, 17)),
                CidrBlock=_peer(random, blocks),
                **({} if every else {"PortRange": {"From": first, "To": last}}),
            ),
        )


def _group_rules(random: Random, tiers: int, number: int, blocks: list[str]) -> Iterator[tuple[str, Any]]:
    for index in range(number):
        own, first_last = index % tiers, random.choice(_PORTS)
        way, end = random.choice((("Ingress", "Source"), ("Egress", "Destination")))
        peer: dict[str, Any]
        if random.random() < 0.5:
            peer = {f"{end}SecurityGroupId": _ref(f"Group{random.randrange(tiers)}")}
        else:
            peer = {"CidrIp": _peer(random, blocks)}
        protocol = "-1" if random.random() < 0.1 else random.choice(("tcp", "tcp", "tcp", "udp"))
        rule = _rule(protocol, *first_last, **peer)
        yield f"Rule{index}", _ec2(f"SecurityGroup{way}", GroupId=_ref(f"Group{own}"), **rule)


def _interfaces(random: Random, tiers: int, zones: int) -> Iterator[tuple[str, Any]]:
    yield (
        "Balancer",
        {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {
                "Subnets": [_ref(f"Tier0Zone{zone}") for zone in range(zones)],
                "SecurityGroups": [_ref("Group0")],
            },
        },
    )
    for tier in range(tiers):
        for zone in range(zones):
            others = [_ref(f"Group{random.randrange(tiers)}")] if random.random() < 0.3 else []
            groups = [_ref(f"Group{tier}"), *(other for other in others if other != _ref(f"Group{tier}"))]
            public = {"AssociatePublicIpAddress": True} if random.random() < 0.3 else {}
            network = {"DeviceIndex": "0", "SubnetId": _ref(f"Tier{tier}Zone{zone}"), "GroupSet": groups, **public}
            yield f"Host{tier}Zone{zone}", _ec2("Instance", NetworkInterfaces=[network])
        if random.random() < 0.5:
            yield f"Neighbour{tier}", _ec2("Instance", SubnetId=_ref(f"Tier{tier}Zone0"), SecurityGroupIds=[])


def _peer(random: Random, blocks: list[str]) -> str:
    choice = random.random()
    if choice < 0.35:
        return "0.0.0.0/0"
    if choice < 0.5:
        return str(_VPC)
    block = IPv4Network(random.choice(blocks))
    return str(block if choice < 0.9 else random.choice(list(block.subnets(prefixlen_diff=1))))


def _rule(protocol: str, first: int, last: int, **peer: Any) -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last, **peer}


def _route(table: str, **target: Any) -> dict[str, Any]:
    return _ec2("Route", RouteTableId=_ref(table), DestinationCidrBlock="0.0.0.0/0", **target)


def _ec2(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def invariants(tiers: int) -> Invariants:
    """Statements about such a network; that most of them are refuted costs more time, not less."""
    parties = {f"tier {tier}": {"group": f"Large.Group{tier}"} for tier in range(tiers)}
    flows = [
        {"source": f"tier {tier}", "target": f"tier {tier + 1}", "ports": [5432, 443]} for tier in range(tiers - 1)
    ]
    return Invariants.model_validate({"parties": parties, "flows": flows, "never": {"ports": [22, 3389]}})


def main() -> int:
    """Time reading, matrix and proofs of a large network."""
    zones, tiers, rules = 6, 10, 500
    with tempfile.TemporaryDirectory() as folder:
        write_assembly(Path(folder), Large=template(zones=zones, tiers=tiers, rules=rules))
        start = time.perf_counter()
        network = read_network(load_assembly(Path(folder)))
        read = time.perf_counter()
        pairs = len(json.loads(json.dumps(as_json(network)))["pairs"])
        matrix = time.perf_counter()
        proofs = prove(network, invariants(tiers))
        proved = time.perf_counter()
    size = f"{len(network.zones)} zones, {len(network.subnets)} subnets, {rules} rules"
    print(f"{size}, {len(network.interfaces)} interfaces")
    print(f"  read {read - start:.2f} s")
    print(f"  matrix of {pairs} pairs {matrix - read:.2f} s")
    print(f"  {len(proofs)} statements, with all zones and without each of {zones}: {proved - matrix:.2f} s")
    print(f"  together {proved - start:.2f} s, of at most {LIMIT_S:.0f} s")
    return 0 if proved - start < LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
