"""Network types: ministack has their API or their records, but no CloudFormation resource for them."""

import re
from typing import Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

from local.aws.emulator.resources.handler import (
    Handler,
    Properties,
    Result,
    UnsupportedPropertyError,
    extended,
    handler,
    unique_name,
)


def handlers(stock: dict[str, Handler]) -> dict[str, Handler]:
    """The network types, by name."""
    return {
        "AWS::EC2::EIP": handler(create=_create_address, delete=_delete_address),
        "AWS::EC2::NatGateway": handler(create=_create_nat_gateway, delete=_delete_nat_gateway),
        "AWS::EC2::NetworkAcl": handler(create=_create_network_acl, delete=_delete_network_acl),
        "AWS::EC2::NetworkAclEntry": handler(create=_create_network_acl_entry, delete=_delete_network_acl_entry),
        "AWS::EC2::SubnetNetworkAclAssociation": handler(create=_associate_network_acl, delete=_dissociate_network_acl),
        "AWS::EC2::SecurityGroupIngress": handler(create=_create_ingress, delete=_delete_ingress),
        "AWS::EC2::SecurityGroupEgress": handler(create=_create_egress, delete=_delete_egress),
        "AWS::EC2::FlowLog": handler(create=_create_flow_log, delete=_delete_flow_log),
        "AWS::EC2::VPC": extended(stock["AWS::EC2::VPC"], _with_address_block),
    }


def _with_address_block(vpc: str, properties: Properties, attributes: dict[str, Any]) -> dict[str, Any]:
    return {**attributes, "CidrBlock": properties["CidrBlock"], "CidrBlockAssociations": [f"vpc-cidr-assoc-{vpc[4:]}"]}


def _create_address(_logical_id: str, properties: Properties, _stack: str) -> Result:
    answer = _call("AllocateAddress", Domain=properties.get("Domain", "vpc"))
    identity, address = _text(answer, "allocationId"), _text(answer, "publicIp")
    _tag(identity, properties)
    return address, {"AllocationId": identity, "PublicIp": address}


def _delete_address(address: str, _properties: Properties) -> None:
    for identity, record in list(ec2._addresses.items()):
        if record["PublicIp"] == address:
            _call("ReleaseAddress", AllocationId=identity)


def _create_nat_gateway(_logical_id: str, properties: Properties, _stack: str) -> Result:
    answer = _call("CreateNatGateway", SubnetId=properties["SubnetId"], AllocationId=properties.get("AllocationId", ""))
    identity = _text(answer, "natGatewayId")
    _tag(identity, properties)
    return identity, {"NatGatewayId": identity}


def _delete_nat_gateway(identity: str, _properties: Properties) -> None:
    if identity in ec2._nat_gateways:
        _call("DeleteNatGateway", NatGatewayId=identity)


def _create_network_acl(_logical_id: str, properties: Properties, _stack: str) -> Result:
    identity = _text(_call("CreateNetworkAcl", VpcId=properties["VpcId"]), "networkAclId")
    _tag(identity, properties)
    return identity, {"Id": identity}


def _delete_network_acl(identity: str, _properties: Properties) -> None:
    if identity in ec2._network_acls:
        _call("DeleteNetworkAcl", NetworkAclId=identity)


def _create_network_acl_entry(logical_id: str, properties: Properties, stack: str) -> Result:
    # Its own call loses the port range, hence the record.
    entry: dict[str, Any] = {
        "RuleNumber": int(properties["RuleNumber"]),
        "Protocol": str(properties["Protocol"]),
        "RuleAction": properties["RuleAction"],
        "Egress": _true(properties.get("Egress", False)),
        **{key: properties[key] for key in ("CidrBlock", "Ipv6CidrBlock", "PortRange", "Icmp") if key in properties},
    }
    entries = ec2._network_acls[properties["NetworkAclId"]]["Entries"]
    if any(_same_rule(entry, other) for other in entries):
        raise UnsupportedPropertyError(
            f"{properties['NetworkAclId']} has a rule {entry['RuleNumber']} in this direction already"
        )
    entries.append(entry)
    return unique_name(stack, logical_id), {}


def _delete_network_acl_entry(_identity: str, properties: Properties) -> None:
    acl = ec2._network_acls.get(properties["NetworkAclId"])
    if acl is not None:
        gone = {"RuleNumber": int(properties["RuleNumber"]), "Egress": _true(properties.get("Egress", False))}
        acl["Entries"] = [entry for entry in acl["Entries"] if not _same_rule(entry, gone)]


def _same_rule(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["RuleNumber"] == other["RuleNumber"] and one["Egress"] == other["Egress"])


def _associate_network_acl(_logical_id: str, properties: Properties, _stack: str) -> Result:
    # The call replaces an association that exists; a new subnet has none in these records.
    identity = f"aclassoc-{properties['SubnetId'].removeprefix('subnet-')}"
    for acl in ec2._network_acls.values():
        acl["Associations"] = [held for held in acl["Associations"] if held["SubnetId"] != properties["SubnetId"]]
    record = {"NetworkAclAssociationId": identity, "SubnetId": properties["SubnetId"]}
    ec2._network_acls[properties["NetworkAclId"]]["Associations"].append(record)
    return identity, {"AssociationId": identity}


def _dissociate_network_acl(identity: str, _properties: Properties) -> None:
    for acl in ec2._network_acls.values():
        acl["Associations"] = [held for held in acl["Associations"] if held["NetworkAclAssociationId"] != identity]


def _create_ingress(logical_id: str, properties: Properties, stack: str) -> Result:
    group = ec2._security_groups[properties["GroupId"]]
    group["IpPermissions"].extend(provisioners._ec2_sg_permissions([properties]))
    identity = unique_name(stack, logical_id)
    return identity, {"Id": identity}


def _delete_ingress(_identity: str, properties: Properties) -> None:
    _remove_rule(properties, "IpPermissions")


def _create_egress(logical_id: str, properties: Properties, stack: str) -> Result:
    group = ec2._security_groups[properties["GroupId"]]
    group["IpPermissionsEgress"].extend(provisioners._ec2_sg_permissions([properties]))
    identity = unique_name(stack, logical_id)
    return identity, {"Id": identity}


def _delete_egress(_identity: str, properties: Properties) -> None:
    _remove_rule(properties, "IpPermissionsEgress")


def _remove_rule(properties: Properties, direction: str) -> None:
    group = ec2._security_groups.get(properties["GroupId"])
    if group is not None:
        gone = provisioners._ec2_sg_permissions([properties])
        group[direction] = [rule for rule in group[direction] if rule not in gone]


def _create_flow_log(_logical_id: str, properties: Properties, _stack: str) -> Result:
    destination = properties.get("LogDestination") or properties.get("LogGroupName", "")
    answer = _call(
        "CreateFlowLogs",
        **{"ResourceId.1": properties["ResourceId"]},
        ResourceType=properties["ResourceType"],
        TrafficType=properties.get("TrafficType", "ALL"),
        LogDestinationType=properties.get("LogDestinationType", "cloud-watch-logs"),
        LogDestination=destination,
    )
    identity = _text(answer, "item")
    _tag(identity, properties)
    return identity, {"Id": identity}


def _delete_flow_log(identity: str, _properties: Properties) -> None:
    _call("DeleteFlowLogs", **{"FlowLogId.1": identity})


def _call(action: str, **parameters: str) -> str:
    """The XML answer of one EC2 call; `ValueError`, which fails the resource, for an error."""
    status, _headers, body = ec2._ACTION_MAP[action]({name: [value] for name, value in parameters.items()})
    answer = body.decode() if isinstance(body, bytes) else body
    if status >= 400:
        raise ValueError(f"{action}: {_text(answer, 'Message')}")
    return str(answer)


def _text(answer: str, element: str) -> str:
    found = re.search(f"<{element}>([^<]*)</{element}>", answer)
    if found is None:
        raise ValueError(f"the answer has no {element}: {answer}")
    return found[1]


def _tag(identity: str, properties: Properties) -> None:
    provisioners._ec2_apply_tags(identity, properties)


def _true(value: object) -> bool:
    return str(value).lower() == "true"
