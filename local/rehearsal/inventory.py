"""What is there according to the services themselves, to find what a deployment has left behind."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.clients import Clients
from local.rehearsal.deployed import Resource

Inventory = Mapping[str, frozenset[str]]
"""Names by resource type."""


@dataclass(frozen=True, kw_only=True)
class _List:
    """A call that lists resources of a type: where in its answer they are, and what each is called.

    Attributes:
        only: fields that a resource must have to count: some are listed for a while after they are gone.
    """

    service: str
    call: str
    key: str
    name: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    only: Mapping[str, Any] = field(default_factory=dict)


_LISTS = {
    "AWS::S3::Bucket": _List(service="s3", call="list_buckets", key="Buckets", name="Name"),
    "AWS::SQS::Queue": _List(service="sqs", call="list_queues", key="QueueUrls"),
    "AWS::SNS::Topic": _List(service="sns", call="list_topics", key="Topics", name="TopicArn"),
    "AWS::SecretsManager::Secret": _List(service="secretsmanager", call="list_secrets", key="SecretList", name="ARN"),
    "AWS::SSM::Parameter": _List(service="ssm", call="describe_parameters", key="Parameters", name="Name"),
    "AWS::IAM::Role": _List(service="iam", call="list_roles", key="Roles", name="RoleName"),
    "AWS::IAM::ManagedPolicy": _List(
        service="iam", call="list_policies", key="Policies", name="Arn", asked={"Scope": "Local"}
    ),
    "AWS::IAM::InstanceProfile": _List(
        service="iam", call="list_instance_profiles", key="InstanceProfiles", name="InstanceProfileName"
    ),
    "AWS::Lambda::Function": _List(service="lambda", call="list_functions", key="Functions", name="FunctionName"),
    "AWS::Logs::LogGroup": _List(service="logs", call="describe_log_groups", key="logGroups", name="logGroupName"),
    "AWS::CloudWatch::Alarm": _List(service="cloudwatch", call="describe_alarms", key="MetricAlarms", name="AlarmName"),
    "AWS::CloudWatch::Dashboard": _List(
        service="cloudwatch", call="list_dashboards", key="DashboardEntries", name="DashboardName"
    ),
    "AWS::Events::Rule": _List(service="events", call="list_rules", key="Rules", name="Name"),
    "AWS::Scheduler::Schedule": _List(service="scheduler", call="list_schedules", key="Schedules", name="Name"),
    "AWS::ECS::Cluster": _List(service="ecs", call="list_clusters", key="clusterArns"),
    "AWS::ECS::TaskDefinition": _List(
        service="ecs", call="list_task_definitions", key="taskDefinitionArns", asked={"status": "ACTIVE"}
    ),
    "AWS::RDS::DBInstance": _List(
        service="rds", call="describe_db_instances", key="DBInstances", name="DBInstanceIdentifier"
    ),
    "AWS::ElastiCache::ReplicationGroup": _List(
        service="elasticache", call="describe_replication_groups", key="ReplicationGroups", name="ReplicationGroupId"
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _List(
        service="elbv2", call="describe_load_balancers", key="LoadBalancers", name="LoadBalancerArn"
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _List(
        service="elbv2", call="describe_target_groups", key="TargetGroups", name="TargetGroupArn"
    ),
    "AWS::AutoScaling::AutoScalingGroup": _List(
        service="autoscaling",
        call="describe_auto_scaling_groups",
        key="AutoScalingGroups",
        name="AutoScalingGroupName",
    ),
    "AWS::EC2::LaunchTemplate": _List(
        service="ec2", call="describe_launch_templates", key="LaunchTemplates", name="LaunchTemplateId"
    ),
    "AWS::EC2::VPC": _List(service="ec2", call="describe_vpcs", key="Vpcs", name="VpcId"),
    "AWS::EC2::Subnet": _List(service="ec2", call="describe_subnets", key="Subnets", name="SubnetId"),
    "AWS::EC2::RouteTable": _List(service="ec2", call="describe_route_tables", key="RouteTables", name="RouteTableId"),
    "AWS::EC2::InternetGateway": _List(
        service="ec2", call="describe_internet_gateways", key="InternetGateways", name="InternetGatewayId"
    ),
    "AWS::EC2::NatGateway": _List(
        service="ec2",
        call="describe_nat_gateways",
        key="NatGateways",
        name="NatGatewayId",
        only={"State": "available"},
    ),
    "AWS::EC2::EIP": _List(service="ec2", call="describe_addresses", key="Addresses", name="PublicIp"),
    "AWS::EC2::NetworkAcl": _List(service="ec2", call="describe_network_acls", key="NetworkAcls", name="NetworkAclId"),
    "AWS::EC2::SecurityGroup": _List(
        service="ec2", call="describe_security_groups", key="SecurityGroups", name="GroupId"
    ),
    "AWS::EC2::VPCEndpoint": _List(
        service="ec2", call="describe_vpc_endpoints", key="VpcEndpoints", name="VpcEndpointId"
    ),
    "AWS::EC2::FlowLog": _List(service="ec2", call="describe_flow_logs", key="FlowLogs", name="FlowLogId"),
}

_KEY = "AWS::KMS::Key"
LISTED_TYPES = frozenset({*_LISTS, _KEY})


def take_inventory(clients: Clients) -> dict[str, frozenset[str]]:
    """Everything that the account holds now."""
    listed = {resource_type: frozenset(_names(clients, each)) for resource_type, each in _LISTS.items()}
    return {**listed, _KEY: frozenset(_keys(clients))}


def added(before: Inventory, after: Inventory) -> dict[str, list[str]]:
    """What is there after and was not before; types without any are left out."""
    new = {kind: sorted(names - before.get(kind, frozenset())) for kind, names in after.items()}
    return {kind: names for kind, names in new.items() if names}


def sorted_out(
    left: Mapping[str, list[str]], resources: Iterable[Resource]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What is left because its template keeps it, and what is left for no such reason; by type."""
    kept_ids = {(each.resource_type, each.physical_id) for each in resources if each.kept}

    def is_kept(kind: str, name: str) -> bool:
        # Some lists give ARNs where CloudFormation gives names, and the other way round.
        return any(of == kind and (name in physical or physical in name) for of, physical in kept_ids)

    kept = {kind: [name for name in names if is_kept(kind, name)] for kind, names in left.items()}
    lost = {kind: [name for name in names if not is_kept(kind, name)] for kind, names in left.items()}
    return {kind: names for kind, names in kept.items() if names}, {
        kind: names for kind, names in lost.items() if names
    }


def listed(names_by_type: Mapping[str, list[str]]) -> str:
    """As a text."""
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in names_by_type.items())


def _names(clients: Clients, each: _List) -> list[str]:
    client = clients.client(each.service)
    if client.can_paginate(each.call):
        pages = list(client.get_paginator(each.call).paginate(**each.asked))
    else:
        pages = [getattr(client, each.call)(**each.asked)]
    found = [item for page in pages for item in page.get(each.key, [])]
    counting = [item for item in found if all(item.get(name) == value for name, value in each.only.items())]
    return [item[each.name] if each.name else item for item in counting]


def _keys(clients: Clients) -> list[str]:
    """Keys in use: one that was deleted stays for the days in which it can be brought back."""
    kms = clients.client("kms")
    keys = [key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
    return [key for key in keys if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion"]
