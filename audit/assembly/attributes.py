"""Attributes that are known before deployment, because they repeat a property of the same resource."""

MIRRORED: dict[tuple[str, str], str] = {
    ("AWS::EC2::VPC", "CidrBlock"): "CidrBlock",
    ("AWS::EC2::Subnet", "AvailabilityZone"): "AvailabilityZone",
    ("AWS::EC2::Subnet", "CidrBlock"): "CidrBlock",
    ("AWS::EC2::Subnet", "VpcId"): "VpcId",
    ("AWS::EC2::SecurityGroup", "VpcId"): "VpcId",
    ("AWS::RDS::DBInstance", "Endpoint.Port"): "Port",
    ("AWS::RDS::DBCluster", "Endpoint.Port"): "Port",
    ("AWS::RDS::DBCluster", "ReadEndpoint.Port"): "Port",
    ("AWS::ElastiCache::ReplicationGroup", "PrimaryEndPoint.Port"): "Port",
    ("AWS::ElastiCache::ReplicationGroup", "ReaderEndPoint.Port"): "Port",
    ("AWS::ElastiCache::ReplicationGroup", "ConfigurationEndPoint.Port"): "Port",
    ("AWS::ElastiCache::CacheCluster", "RedisEndpoint.Port"): "Port",
}
"""(type, attribute) → property."""

ENGINE_PORTS: dict[str, str] = {
    "aurora-mysql": "3306",
    "aurora-postgresql": "5432",
    "mariadb": "3306",
    "memcached": "11211",
    "mysql": "3306",
    "postgres": "5432",
    "redis": "6379",
    "valkey": "6379",
}
"""The port of a database or cache whose `Port` is left out, by its `Engine`; from the AWS user guides."""

SAME_AS_REF: frozenset[tuple[str, str]] = frozenset(
    {
        ("AWS::EC2::InternetGateway", "InternetGatewayId"),
        ("AWS::EC2::NatGateway", "NatGatewayId"),
        ("AWS::EC2::NetworkAcl", "Id"),
        ("AWS::EC2::RouteTable", "RouteTableId"),
        ("AWS::EC2::SecurityGroup", "GroupId"),
        ("AWS::EC2::SecurityGroup", "Id"),
        ("AWS::EC2::Subnet", "SubnetId"),
        ("AWS::EC2::VPC", "VpcId"),
        ("AWS::EC2::VPCEndpoint", "Id"),
        ("AWS::EC2::LaunchTemplate", "LaunchTemplateId"),
        ("AWS::KMS::Key", "KeyId"),
        ("AWS::SecretsManager::Secret", "Id"),
        ("AWS::SQS::Queue", "QueueUrl"),
        ("AWS::SNS::Topic", "TopicArn"),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerArn"),
        ("AWS::ElasticLoadBalancingV2::Listener", "ListenerArn"),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupArn"),
        ("AWS::ECS::TaskDefinition", "TaskDefinitionArn"),
        ("AWS::ECS::Service", "ServiceArn"),
    }
)
"""Attributes that are what `Ref` gives: both spellings become one reference, so that they compare equal."""
