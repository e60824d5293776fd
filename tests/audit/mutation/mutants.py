"""Mutants: small changes of templates, one at a time, as a hand that slips would make them."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from audit.assembly import Template

Properties = dict[str, Any]
Edit = Callable[[dict[str, Any]], None]
"""Changes the resources of a stack in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change.

    Attributes:
        kind: what was done: delete, widen, narrow, reorder, redirect, count.
        resource: where, as STACK.LOGICAL_ID.
    """

    kind: str
    resource: str
    resource_type: str
    what: str
    stack: str
    edit: Edit

    def __str__(self) -> str:
        return f"{self.kind} {self.resource}: {self.what}"

    def templates(self, templates: Sequence[Template]) -> tuple[Template, ...]:
        """The templates after the change."""
        changed = []
        for template in templates:
            if template.stack != self.stack:
                changed.append(template)
                continue
            content = copy.deepcopy(template.content)
            self.edit(content["Resources"])
            changed.append(replace(template, content=content))
        return tuple(changed)


@dataclass(frozen=True, slots=True)
class _Site:
    """A resource that can be changed, and others of its type that it could be confused with."""

    stack: str
    logical_id: str
    resource: Mapping[str, Any]
    resources: Mapping[str, Any]

    @property
    def properties(self) -> Properties:
        found: Properties = self.resource.get("Properties", {})
        return found

    def mutant(self, kind: str, what: str, edit: Edit) -> Mutant:
        return Mutant(
            kind=kind,
            resource=f"{self.stack}.{self.logical_id}",
            resource_type=self.resource["Type"],
            what=what,
            stack=self.stack,
            edit=edit,
        )

    def delete(self) -> Mutant:
        return self.mutant("delete", "all of it", lambda resources: resources.pop(self.logical_id))

    def put(self, kind: str, path: Sequence[str | int], value: Any) -> Mutant:
        """Set a property at any depth; None takes it away."""

        def edit(resources: dict[str, Any]) -> None:
            place = resources[self.logical_id].setdefault("Properties", {})
            for step in path[:-1]:
                place = place[step]
            if value is None:
                del place[path[-1]]
            else:
                place[path[-1]] = copy.deepcopy(value)

        shown = str(value)
        return self.mutant(kind, f"{'.'.join(map(str, path))} = {shown[:90]}", edit)

    def others(self, kind: str) -> list[str]:
        """Other resources of a type in the same stack."""
        return [name for name, item in self.resources.items() if item["Type"] == kind and name != self.logical_id]


def mutants(templates: Sequence[Template]) -> Iterator[Mutant]:
    """Every mutant of the templates."""
    for template in templates:
        resources = template.section("Resources")
        for logical_id, resource in resources.items():
            mutate = _MUTATORS.get(resource["Type"])
            if mutate is not None:
                yield from mutate(_Site(template.stack, logical_id, resource, resources))


def _acl_entry(site: _Site) -> Iterator[Mutant]:
    properties = site.properties
    yield site.delete()
    action = "deny" if properties["RuleAction"] == "allow" else "allow"
    yield site.put("redirect", ["RuleAction"], action)
    yield site.put("redirect", ["Egress"], not properties.get("Egress", False))
    yield site.put("widen", ["CidrBlock"], "0.0.0.0/0")
    block, _, prefix = str(properties["CidrBlock"]).partition("/")
    yield site.put("narrow", ["CidrBlock"], f"{block}/{min(32, int(prefix) + 1)}")
    yield site.put("widen", ["Protocol"], -1)
    yield site.put("reorder", ["RuleNumber"], 32_000)
    yield site.put("reorder", ["RuleNumber"], 2)
    if (ports := properties.get("PortRange")) is not None:
        yield site.put("widen", ["PortRange"], {"From": 0, "To": 65_535})
        yield site.put("widen", ["PortRange", "To"], min(65_535, ports["To"] + 1))
        if ports["From"] < ports["To"]:
            yield site.put("narrow", ["PortRange", "From"], ports["From"] + 1)
            yield site.put("narrow", ["PortRange", "To"], ports["To"] - 1)
        else:
            yield site.put("redirect", ["PortRange"], {"From": ports["From"] + 1, "To": ports["To"] + 1})
    for other in site.others("AWS::EC2::NetworkAcl"):
        if {"Ref": other} != properties["NetworkAclId"]:
            yield site.put("redirect", ["NetworkAclId"], {"Ref": other})


def _association(key: str, kind: str) -> Callable[[_Site], Iterator[Mutant]]:
    def mutate(site: _Site) -> Iterator[Mutant]:
        yield site.delete()
        for other in site.others(kind):
            if {"Ref": other} != site.properties[key]:
                yield site.put("redirect", [key], {"Ref": other})

    return mutate


def _route(site: _Site) -> Iterator[Mutant]:
    yield site.delete()
    yield site.put("narrow", ["DestinationCidrBlock"], "0.0.0.0/1")
    for kind, key in (("AWS::EC2::NatGateway", "NatGatewayId"), ("AWS::EC2::InternetGateway", "GatewayId")):
        for other in site.others(kind):
            if site.properties.get(key) == {"Ref": other}:
                continue

            def edit(resources: dict[str, Any], key: str = key, other: str = other) -> None:
                properties = resources[site.logical_id]["Properties"]
                properties.pop("NatGatewayId", None)
                properties.pop("GatewayId", None)
                properties[key] = {"Ref": other}

            yield site.mutant("redirect", f"{key} = {other}", edit)
    for other in site.others("AWS::EC2::RouteTable"):
        if site.properties["RouteTableId"] != {"Ref": other}:
            yield site.put("redirect", ["RouteTableId"], {"Ref": other})


def _group_rule(site: _Site) -> Iterator[Mutant]:
    properties = site.properties
    yield site.delete()
    egress = site.resource["Type"].endswith("Egress")
    peer = "DestinationSecurityGroupId" if egress else "SourceSecurityGroupId"

    def widen(resources: dict[str, Any]) -> None:
        changed = resources[site.logical_id]["Properties"]
        changed.pop(peer, None)
        changed["CidrIp"] = "0.0.0.0/0"

    if peer in properties:
        yield site.mutant("widen", "peer = 0.0.0.0/0", widen)
        for other in site.others("AWS::EC2::SecurityGroup"):
            target = {"Fn::GetAtt": [other, "GroupId"]}
            if properties[peer] != target:
                yield site.put("redirect", [peer], target)
    for other in site.others("AWS::EC2::SecurityGroup"):
        target = {"Fn::GetAtt": [other, "GroupId"]}
        if properties["GroupId"] != target:
            yield site.put("redirect", ["GroupId"], target)
    if properties.get("IpProtocol") == "tcp":
        yield site.put("widen", ["IpProtocol"], "-1")
        yield site.put("widen", ["ToPort"], properties["ToPort"] + 1)
        yield site.put("widen", ["FromPort"], properties["FromPort"] - 1)
        yield site.put("redirect", ["IpProtocol"], "udp")


def _endpoint(site: _Site) -> Iterator[Mutant]:
    yield site.delete()
    for key in ("RouteTableIds", "SubnetIds", "SecurityGroupIds"):
        listed = site.properties.get(key, [])
        for index in range(len(listed)):
            yield site.put("narrow", [key], [item for place, item in enumerate(listed) if place != index])
    for other in site.others("AWS::EC2::SecurityGroup"):
        target = [{"Fn::GetAtt": [other, "GroupId"]}]
        if "SecurityGroupIds" in site.properties and site.properties["SecurityGroupIds"] != target:
            yield site.put("redirect", ["SecurityGroupIds"], target)


def _only_delete(site: _Site) -> Iterator[Mutant]:
    yield site.delete()


def _nat(site: _Site) -> Iterator[Mutant]:
    yield site.put("redirect", ["ConnectivityType"], "private")
    for other in site.others("AWS::EC2::Subnet"):
        if site.properties["SubnetId"] != {"Ref": other}:
            yield site.put("redirect", ["SubnetId"], {"Ref": other})


def _subnet(site: _Site) -> Iterator[Mutant]:
    yield site.put("widen", ["MapPublicIpOnLaunch"], value=True)
    for other in site.others("AWS::EC2::Subnet"):
        zone = site.resources[other]["Properties"]["AvailabilityZone"]
        if zone != site.properties["AvailabilityZone"]:
            yield site.put("redirect", ["AvailabilityZone"], zone)
            break


def _load_balancer(site: _Site) -> Iterator[Mutant]:
    yield site.put("narrow", ["Scheme"], "internal")
    for index, _ in enumerate(site.properties["Subnets"]):
        kept = [item for place, item in enumerate(site.properties["Subnets"]) if place != index]
        yield site.put("count", ["Subnets"], kept)


def _service(site: _Site) -> Iterator[Mutant]:
    place = ["NetworkConfiguration", "AwsvpcConfiguration"]
    network = site.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    yield site.put("narrow", [*place, "SecurityGroups"], None)
    yield site.put("count", [*place, "Subnets"], network["Subnets"][:1])


def _group(site: _Site) -> Iterator[Mutant]:
    zones = site.properties["VPCZoneIdentifier"]
    yield site.put("count", ["VPCZoneIdentifier"], zones[:1])
    if int(site.properties["MinSize"]) > 1:
        yield site.put("count", ["MinSize"], "1")


def _database(site: _Site) -> Iterator[Mutant]:
    yield site.put("count", ["MultiAZ"], value=False)
    yield site.put("redirect", ["VPCSecurityGroups"], None)
    yield site.put("redirect", ["Port"], "5433")


def _cache(site: _Site) -> Iterator[Mutant]:
    yield site.put("count", ["AutomaticFailoverEnabled"], value=False)
    yield site.put("count", ["MultiAZEnabled"], value=False)
    yield site.put(
        "count",
        ["NumCacheClusters" if "NumCacheClusters" in site.properties else "ReplicasPerNodeGroup"],
        1 if "NumCacheClusters" in site.properties else 0,
    )


def _statements(site: _Site, document: Sequence[str | int], *, trust: bool = False) -> Iterator[Mutant]:
    found: Any = site.properties
    for step in document:
        found = found[step]
    for index, statement in enumerate(found["Statement"]):
        place = [*document, "Statement", index]

        def drop(resources: dict[str, Any], index: int = index) -> None:
            inner: Any = resources[site.logical_id]["Properties"]
            for step in document:
                inner = inner[step]
            del inner["Statement"][index]

        name = statement.get("Sid", index)
        yield site.mutant("delete", f"statement {name}", drop)
        yield site.put("redirect", [*place, "Effect"], "Deny" if statement["Effect"] == "Allow" else "Allow")
        yield from _actions(site, place, statement)
        yield from _resources(site, place, statement)
        yield from _conditions(site, place, statement)
        if "Principal" in statement:
            yield site.put("widen", [*place, "Principal"], {"AWS": "*"})
            if trust:
                yield site.put("redirect", [*place, "Principal"], {"Service": "ec2-instance-connect.amazonaws.com"})


def _actions(site: _Site, place: list[str | int], statement: Mapping[str, Any]) -> Iterator[Mutant]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    service = str(actions[0]).partition(":")[0]
    if f"{service}:*" not in actions:
        yield site.put("widen", [*place, "Action"], f"{service}:*")
        yield site.put("widen", [*place, "Action"], [*actions, f"{service}:DeleteEverything"])
    for action in actions:
        others = [item for item in actions if item != action]
        if others:
            yield site.put("narrow", [*place, "Action"], others)


def _resources(site: _Site, place: list[str | int], statement: Mapping[str, Any]) -> Iterator[Mutant]:
    if "Resource" not in statement:
        return
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    if resources != ["*"]:
        yield site.put("widen", [*place, "Resource"], "*")
    for index, _ in enumerate(resources):
        others = [item for position, item in enumerate(resources) if position != index]
        if others:
            yield site.put("narrow", [*place, "Resource"], others)
    yield site.put("redirect", [*place, "Resource"], "arn:aws:s3:::somewhere-else")


def _conditions(site: _Site, place: list[str | int], statement: Mapping[str, Any]) -> Iterator[Mutant]:
    condition = statement.get("Condition")
    if not condition:
        return
    yield site.put("widen", [*place, "Condition"], None)
    for operator, entries in condition.items():
        for key, values in entries.items():
            listed = values if isinstance(values, list) else [values]
            spot = [*place, "Condition", operator, key]
            yield site.put("redirect", spot, "something-else" if not _is_number(listed[0]) else 1)
            if operator in {"StringEquals", "ArnEquals", "ArnLike", "StringLike"}:
                yield site.put("widen", [*place, "Condition"], {"StringLike": {key: "*"}})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _policy(site: _Site) -> Iterator[Mutant]:
    yield site.delete()
    yield from _statements(site, ["PolicyDocument"])


def _role(site: _Site) -> Iterator[Mutant]:
    yield from _statements(site, ["AssumeRolePolicyDocument"], trust=True)


def _key(site: _Site) -> Iterator[Mutant]:
    yield from _statements(site, ["KeyPolicy"])


_MUTATORS: Mapping[str, Callable[[_Site], Iterator[Mutant]]] = {
    "AWS::AutoScaling::AutoScalingGroup": _group,
    "AWS::EC2::InternetGateway": _only_delete,
    "AWS::EC2::NatGateway": _nat,
    "AWS::EC2::NetworkAclEntry": _acl_entry,
    "AWS::EC2::Route": _route,
    "AWS::EC2::SecurityGroupEgress": _group_rule,
    "AWS::EC2::SecurityGroupIngress": _group_rule,
    "AWS::EC2::Subnet": _subnet,
    "AWS::EC2::SubnetNetworkAclAssociation": _association("NetworkAclId", "AWS::EC2::NetworkAcl"),
    "AWS::EC2::SubnetRouteTableAssociation": _association("RouteTableId", "AWS::EC2::RouteTable"),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::EC2::VPCGatewayAttachment": _only_delete,
    "AWS::ECS::Service": _service,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::IAM::ManagedPolicy": _policy,
    "AWS::IAM::Policy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::KMS::Key": _key,
    "AWS::RDS::DBInstance": _database,
    "AWS::S3::BucketPolicy": _policy,
    "AWS::SNS::TopicPolicy": _policy,
    "AWS::SQS::QueuePolicy": _policy,
}

POLICY_TYPES = frozenset(kind for kind, mutate in _MUTATORS.items() if mutate in {_policy, _role, _key})
"""Types whose changes only reach decisions about permissions."""
