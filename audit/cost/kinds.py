"""Every type of resource: how it is read, or why it is not in the sum. A type that is in neither list is refused."""

from collections.abc import Callable, Iterator

from audit.assembly import Resource
from audit.cost import compute, network, storage
from audit.cost.meter import Meter, Reading

Reader = Callable[[Reading, Resource], Iterator[Meter]]

READERS: dict[str, Reader] = {
    "AWS::AutoScaling::AutoScalingGroup": compute.groups,
    "AWS::CloudWatch::Alarm": storage.alarms,
    "AWS::CloudWatch::Dashboard": storage.dashboards,
    "AWS::EC2::EIP": network.addresses,
    "AWS::EC2::NatGateway": network.gateways,
    "AWS::EC2::VPCEndpoint": network.endpoints,
    "AWS::ECS::Cluster": storage.clusters,
    "AWS::ECS::Service": compute.services,
    "AWS::ElastiCache::ReplicationGroup": storage.caches,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": network.load_balancers,
    "AWS::KMS::Key": storage.keys,
    "AWS::Lambda::Function": compute.functions,
    "AWS::Logs::LogGroup": storage.log_groups,
    "AWS::RDS::DBInstance": storage.databases,
    "AWS::S3::Bucket": storage.buckets,
    "AWS::SQS::Queue": storage.queues,
    "AWS::Scheduler::Schedule": compute.schedules,
    "AWS::SecretsManager::Secret": storage.secrets,
    "AWS::WAFv2::WebACL": network.firewalls,
}

IDLE: dict[str, str] = {
    "AWS::EC2::VPCEndpoint": "gateway endpoints are free",
    "AWS::ECS::Cluster": "a cluster is free; this one has no Container Insights",
    "AWS::ECS::Service": "costs what its instances cost",
    "AWS::Lambda::Function": "called at deployments only, or as often as nobody knows",
    "AWS::S3::Bucket": "what lies in it is not in audit/buckets.toml, or small: records of AWS services",
    "AWS::SQS::Queue": "carries no images: an empty queue is free",
}
"""Why a resource of a type that has a reader may add nothing."""

FREE: dict[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "free",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "free, and so are the alarms that target tracking makes",
    "AWS::Budgets::Budget": "free without actions",
    "AWS::CertificateManager::Certificate": "public certificates are free",
    "AWS::EC2::InternetGateway": "free",
    "AWS::EC2::LaunchTemplate": "counted where it is used",
    "AWS::EC2::NetworkAcl": "free",
    "AWS::EC2::NetworkAclEntry": "free",
    "AWS::EC2::Route": "free",
    "AWS::EC2::RouteTable": "free",
    "AWS::EC2::SecurityGroup": "free",
    "AWS::EC2::SecurityGroupEgress": "free",
    "AWS::EC2::SecurityGroupIngress": "free",
    "AWS::EC2::Subnet": "free",
    "AWS::EC2::SubnetNetworkAclAssociation": "free",
    "AWS::EC2::SubnetRouteTableAssociation": "free",
    "AWS::EC2::VPC": "free",
    "AWS::EC2::VPCGatewayAttachment": "free",
    "AWS::EC2::FlowLog": "counted at the log group that it writes to",
    "AWS::ECS::CapacityProvider": "free",
    "AWS::ECS::ClusterCapacityProviderAssociations": "free",
    "AWS::ECS::TaskDefinition": "counted where it is started",
    "AWS::ElastiCache::ParameterGroup": "free",
    "AWS::ElastiCache::SubnetGroup": "free",
    "AWS::ElasticLoadBalancingV2::Listener": "part of the load balancer",
    "AWS::ElasticLoadBalancingV2::ListenerRule": "part of the load balancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "part of the load balancer",
    "AWS::Events::Rule": "events of AWS services are free",
    "AWS::IAM::InstanceProfile": "free",
    "AWS::IAM::ManagedPolicy": "free",
    "AWS::IAM::OIDCProvider": "free",
    "AWS::IAM::Policy": "free",
    "AWS::IAM::Role": "free",
    "AWS::KMS::Alias": "free",
    "AWS::Lambda::EventInvokeConfig": "free",
    "AWS::Lambda::Permission": "free",
    "AWS::RDS::DBParameterGroup": "free",
    "AWS::RDS::DBSubnetGroup": "free",
    "AWS::S3::BucketPolicy": "free",
    "AWS::SNS::Subscription": "free",
    "AWS::SNS::TopicPolicy": "free",
    "AWS::SQS::QueuePolicy": "free",
    "AWS::SSM::Parameter": "standard parameters are free",
    "AWS::Scheduler::ScheduleGroup": "free",
    "AWS::WAFv2::LoggingConfiguration": "counted at the log group that it writes to",
    "AWS::WAFv2::WebACLAssociation": "free",
    "AWS::CDK::Metadata": "free",
}
"""Types that cost nothing of their own."""

LEFT_OUT: dict[str, str] = {
    "AWS::Route53::RecordSet": "alias queries are free; the hosted zone is not in the templates: 0.50 USD a month",
    "AWS::SNS::Topic": "a few hundred mails a month: under a cent",
}
"""Types that cost something which is not in the sum."""


def why_free(kind: str) -> str | None:
    """Why a type costs nothing, or None."""
    if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource":
        return "runs its function at deployments only"
    return FREE.get(kind)
