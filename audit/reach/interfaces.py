"""Finds what has a place in a subnet: one reader for each resource type that makes network interfaces."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from audit.assembly import Address, Assembly, Reference, Resource, Value, references
from audit.errors import NotModelledError, Problem
from audit.reach.network import Interface, Kind, Subnet
from audit.reach.packets import Interval
from audit.reach.subnets import service_of

LINUX_PORTS: Interval = (32_768, 60_999)
"""`net.ipv4.ip_local_port_range` of Linux as its kernel comes."""
ANY_PORTS: Interval = (1024, 65_535)
"""What load balancer nodes, NAT gateways and functions call from."""

_PORT_RANGE = "net.ipv4.ip_local_port_range"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a resource's interfaces are, before it is known what the subnets are.

    Attributes:
        public: True or False where the resource says it, None where the subnet decides.
    """

    kind: Kind
    subnets: tuple[Address, ...]
    groups: tuple[Address, ...] = ()
    public: bool | None = False
    client_ports: Interval = LINUX_PORTS
    label: str = ""
    service: str = ""


Reader = Callable[[Assembly, Resource], Iterator[Placement]]


def read_interfaces(
    assembly: Assembly, subnets: Mapping[Address, Subnet], problems: list[Problem]
) -> tuple[Interface, ...]:
    """Every interface in every subnet. Resources that touch the network and are not understood become problems."""
    found: list[Interface] = []
    for resource in assembly.resources.values():
        reader = READERS.get(resource.kind)
        if reader is None:
            if resource.kind not in _WITHOUT_INTERFACES and _touches_network(assembly, resource):
                why = "refers to subnets or security groups, and this type is not modelled"
                problems.append(Problem(where=f"{resource.address} ({resource.kind})", why=why))
            continue
        try:
            for placement in reader(assembly, resource):
                found += _in_subnets(resource, placement, subnets, problems)
        except NotModelledError as error:
            problems.append(Problem(where=f"{resource.address} ({resource.kind})", why=str(error)))
    return tuple(found)


def _in_subnets(
    resource: Resource, placement: Placement, subnets: Mapping[Address, Subnet], problems: list[Problem]
) -> Iterator[Interface]:
    if not placement.subnets:
        why = "its subnets are only known when deployed, or are not of these templates"
        problems.append(Problem(where=f"{resource.address} ({resource.kind})", why=why))
    for address in placement.subnets:
        subnet = subnets.get(address)
        if subnet is None:
            why = f"{address} is no subnet of these templates"
            problems.append(Problem(where=f"{resource.address} ({resource.kind})", why=why))
            continue
        groups = frozenset(placement.groups)
        yield Interface(
            owner=resource.address,
            name=f"{resource.path}{placement.label}",
            kind=placement.kind,
            subnet=address,
            # Without a security group of its own an interface gets the VPC's; a NAT gateway has none at all.
            groups=groups if groups or placement.kind is Kind.NAT else frozenset({subnet.vpc}),
            public=subnet.gives_public_addresses if placement.public is None else placement.public,
            client_ports=placement.client_ports,
            service=placement.service,
        )


def _load_balancer(_: Assembly, resource: Resource) -> Iterator[Placement]:
    kind = resource.properties.get("Type", "application")
    if kind != "application":
        # It keeps its clients' addresses, and may have no security group at all.
        raise NotModelledError(f"Type {kind} is not modelled: only application load balancers are")
    mappings = resource.properties.get("SubnetMappings")
    mapped = [item.get("SubnetId") for item in mappings if isinstance(item, dict)] if isinstance(mappings, list) else []
    yield Placement(
        kind=Kind.LOAD_BALANCER,
        subnets=_addresses([*_list(resource.properties.get("Subnets")), *mapped]),
        groups=_addresses(resource.properties.get("SecurityGroups")),
        public=resource.properties.get("Scheme", "internet-facing") == "internet-facing",
        client_ports=ANY_PORTS,
    )


def _auto_scaling_group(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    subnets = _addresses(resource.properties.get("VPCZoneIdentifier"))
    templates = {template.address: template for template in _launch_templates(assembly, resource)}
    for template in templates.values():
        groups, public = _launched(template)
        yield Placement(kind=Kind.INSTANCE, subnets=subnets, groups=groups, public=public)


def _launch_templates(assembly: Assembly, resource: Resource) -> Iterator[Resource]:
    """Everything that instances of the group may be launched from."""

    def specifications(value: Value) -> Iterator[Value]:
        if isinstance(value, dict):
            for key, item in value.items():
                if key in {"LaunchTemplateId", "LaunchTemplateName"}:
                    yield item
                else:
                    yield from specifications(item)
        elif isinstance(value, list):
            for item in value:
                yield from specifications(item)

    named = [resource.properties.get("LaunchConfigurationName")]
    for key in ("LaunchTemplate", "MixedInstancesPolicy"):
        named += specifications(resource.properties.get(key))
    for value in named:
        template = assembly.at(value)
        if template is not None:
            yield template


def _launched(template: Resource) -> tuple[tuple[Address, ...], bool | None]:
    """Security groups of what a launch template or configuration launches, and whether it gets a public address."""
    if template.kind == "AWS::AutoScaling::LaunchConfiguration":
        properties = template.properties
        public = properties.get("AssociatePublicIpAddress")
        return _addresses(properties.get("SecurityGroups")), public if isinstance(public, bool) else None
    data = template.properties.get("LaunchTemplateData")
    return _instance_network(data if isinstance(data, dict) else {})


def _instance_network(properties: Mapping[str, Value]) -> tuple[tuple[Address, ...], bool | None]:
    groups = _addresses(properties.get("SecurityGroupIds"))
    public: bool | None = None
    for interface in _list(properties.get("NetworkInterfaces")):
        if isinstance(interface, dict):
            groups += _addresses(interface.get("Groups", interface.get("GroupSet")))
            if isinstance(associate := interface.get("AssociatePublicIpAddress"), bool):
                public = associate
    return groups, public


def _instance(_: Assembly, resource: Resource) -> Iterator[Placement]:
    groups, public = _instance_network(resource.properties)
    nested = [
        item.get("SubnetId") for item in _list(resource.properties.get("NetworkInterfaces")) if isinstance(item, dict)
    ]
    subnets = _addresses([resource.properties.get("SubnetId"), *nested])
    yield Placement(kind=Kind.INSTANCE, subnets=subnets, groups=groups, public=public)


def _service(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    yield from _awsvpc(
        assembly, resource.properties.get("NetworkConfiguration"), resource.properties.get("TaskDefinition")
    )


def _event_rule(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    for target in _list(resource.properties.get("Targets")):
        if isinstance(target, dict) and isinstance(parameters := target.get("EcsParameters"), dict):
            yield from _awsvpc(assembly, parameters.get("NetworkConfiguration"), parameters.get("TaskDefinitionArn"))


def _schedule(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    target = resource.properties.get("Target")
    if isinstance(target, dict) and isinstance(parameters := target.get("EcsParameters"), dict):
        yield from _awsvpc(assembly, parameters.get("NetworkConfiguration"), parameters.get("TaskDefinitionArn"))


def _awsvpc(assembly: Assembly, configuration: Value, definition: Value) -> Iterator[Placement]:
    """The interfaces of tasks, whichever way of spelling the configuration has."""
    if not isinstance(configuration, dict):
        return
    inner = configuration.get("AwsvpcConfiguration", configuration.get("AwsVpcConfiguration"))
    if isinstance(inner, dict):
        yield Placement(
            kind=Kind.TASK,
            subnets=_addresses(inner.get("Subnets")),
            groups=_addresses(inner.get("SecurityGroups")),
            public=inner.get("AssignPublicIp") == "ENABLED",
            client_ports=_ports_of_task(assembly.at(definition)),
        )


def _ports_of_task(definition: Resource | None) -> Interval:
    """The client ports that a task definition pins, or the kernel's."""
    for container in _list(definition.properties.get("ContainerDefinitions")) if definition else []:
        for control in _list(container.get("SystemControls")) if isinstance(container, dict) else []:
            if isinstance(control, dict) and control.get("Namespace") == _PORT_RANGE:
                first, last = str(control.get("Value")).split()
                return int(first), int(last)
    return LINUX_PORTS


def _function(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    network = resource.properties.get("VpcConfig")
    if isinstance(network, dict):
        subnets, groups = _addresses(network.get("SubnetIds")), _addresses(network.get("SecurityGroupIds"))
        yield Placement(kind=Kind.FUNCTION, subnets=subnets, groups=groups, client_ports=ANY_PORTS)
    environment = resource.properties.get("Environment")
    variables = environment.get("Variables") if isinstance(environment, dict) else None
    if isinstance(variables, dict):
        yield from _started_by(assembly, variables)


def _started_by(assembly: Assembly, variables: Mapping[str, Value]) -> Iterator[Placement]:
    """Tasks that a function starts, with the subnets and security groups that its environment gives it."""
    subnets = _of_kind(assembly, variables.values(), "AWS::EC2::Subnet")
    groups = _of_kind(assembly, variables.values(), "AWS::EC2::SecurityGroup")
    if subnets and groups:
        definitions = _of_kind(assembly, variables.values(), "AWS::ECS::TaskDefinition")
        ports = _ports_of_task(assembly.resources.get(definitions[0]) if definitions else None)
        yield Placement(kind=Kind.TASK, subnets=subnets, groups=groups, client_ports=ports, label=" (tasks it starts)")


def _database(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    yield Placement(
        kind=Kind.DATABASE,
        subnets=_of_subnet_group(assembly, resource.properties.get("DBSubnetGroupName")),
        groups=_addresses(resource.properties.get("VPCSecurityGroups", resource.properties.get("VpcSecurityGroupIds"))),
        public=resource.properties.get("PubliclyAccessible") is True,
    )


def _cache(assembly: Assembly, resource: Resource) -> Iterator[Placement]:
    group = resource.properties.get("CacheSubnetGroupName")
    direct = _addresses(resource.properties.get("SubnetIds"))
    groups = resource.properties.get("SecurityGroupIds", resource.properties.get("VpcSecurityGroupIds"))
    yield Placement(kind=Kind.CACHE, subnets=direct or _of_subnet_group(assembly, group), groups=_addresses(groups))


def _endpoint(_: Assembly, resource: Resource) -> Iterator[Placement]:
    if resource.properties.get("VpcEndpointType", "Gateway") == "Interface":
        yield Placement(
            kind=Kind.ENDPOINT,
            subnets=_addresses(resource.properties.get("SubnetIds")),
            groups=_addresses(resource.properties.get("SecurityGroupIds")),
            service=service_of(resource),
        )


def _nat(_: Assembly, resource: Resource) -> Iterator[Placement]:
    yield Placement(
        kind=Kind.NAT,
        subnets=_addresses([resource.properties.get("SubnetId")]),
        public=resource.properties.get("ConnectivityType", "public") == "public",
        client_ports=ANY_PORTS,
    )


READERS: Mapping[str, Reader] = {
    "AWS::AutoScaling::AutoScalingGroup": _auto_scaling_group,
    "AWS::EC2::Instance": _instance,
    "AWS::EC2::NatGateway": _nat,
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::ECS::Service": _service,
    "AWS::ElastiCache::CacheCluster": _cache,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElastiCache::ServerlessCache": _cache,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::Events::Rule": _event_rule,
    "AWS::Lambda::Function": _function,
    "AWS::RDS::DBCluster": _database,
    "AWS::RDS::DBInstance": _database,
    "AWS::Scheduler::Schedule": _schedule,
}

_WITHOUT_INTERFACES = frozenset(
    {
        "AWS::AutoScaling::LaunchConfiguration",
        "AWS::EC2::EIP",
        "AWS::EC2::FlowLog",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NetworkAcl",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::ElastiCache::SubnetGroup",
        "AWS::RDS::DBSubnetGroup",
        "AWS::SSM::Parameter",
    }
)
"""Types that refer to subnets or security groups without putting anything into them."""


def _touches_network(assembly: Assembly, resource: Resource) -> bool:
    kinds = {assembly.resources[target].kind for target in resource.targets if target in assembly.resources}
    return bool(kinds & {"AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"})


def _of_subnet_group(assembly: Assembly, value: Value) -> tuple[Address, ...]:
    group = assembly.at(value)
    if group is None:
        return ()
    return _addresses(group.properties.get("SubnetIds"))


def _of_kind(assembly: Assembly, values: Iterable[Value], kind: str) -> tuple[Address, ...]:
    """Addresses of resources of one type that environment variables refer to, also inside joined text."""
    found = {reference.address for value in values for reference in references(value)}
    return tuple(
        sorted(
            address for address in found if address in assembly.resources and assembly.resources[address].kind == kind
        )
    )


def _addresses(value: Value) -> tuple[Address, ...]:
    items = [item for item in _list(value) if item is not None]
    strangers = [str(item) for item in items if not isinstance(item, Reference)]
    if strangers:
        raise NotModelledError(f"{', '.join(strangers)}: not a resource of these templates")
    return tuple(item.address for item in items if isinstance(item, Reference))


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []
