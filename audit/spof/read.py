"""Reads components out of an assembly: one reader for each kind of thing that serves users."""

from collections.abc import Iterable, Iterator
from typing import cast

from audit.assembly import Address, Assembly, Resource, Value, references
from audit.errors import AuditError, Problem
from audit.reach.network import Kind, Network, Route, Way
from audit.spof.model import EVERYTHING, Component, Function, Part

_REGIONAL: dict[str, tuple[str, frozenset[Function], str]] = {
    "AWS::S3::Bucket": (
        "S3",
        frozenset({Function.UPLOADS, Function.DEVELOPMENT, Function.DOWNLOADS}),
        "uploads and downloads fail; images wait in the queue",
    ),
    "AWS::SQS::Queue": (
        "SQS",
        frozenset({Function.DEVELOPMENT}),
        "jobs are taken and recorded; the sweeper queues their images when SQS is back",
    ),
    "AWS::KMS::Key": ("KMS", EVERYTHING, "nothing that is encrypted can be read"),
    "AWS::SecretsManager::Secret": ("Secrets Manager", frozenset(), "new tasks cannot start; those that run go on"),
    "AWS::SNS::Topic": ("SNS", frozenset(), "alarms reach nobody"),
    "AWS::Scheduler::Schedule": ("EventBridge Scheduler", frozenset(), "what was never queued waits for the sweeper"),
    "AWS::Route53::RecordSet": ("Route 53", EVERYTHING, "the name is not found"),
    "AWS::WAFv2::WebACL": ("WAF", frozenset(), "requests pass or fail as the association says"),
    "AWS::Lambda::Function": ("Lambda", frozenset(), "no burst workers start; a growing queue drains more slowly"),
}
"""Services that AWS keeps in several zones of a region: that they do is an assumption, from its documentation."""

_AWS = "documentation of the service"


def read_components(assembly: Assembly, network: Network) -> tuple[Component, ...]:
    """Every component that users depend on.

    Raises:
        AuditError: a number or a flag that decides is only known when deployed.
    """
    reader = _Reader(assembly, network)
    components = tuple(reader.components())
    if reader.problems:
        raise AuditError(sorted(set(reader.problems)))
    return components


class _Reader:
    def __init__(self, assembly: Assembly, network: Network) -> None:
        self._assembly = assembly
        self._network = network
        self.problems: list[Problem] = []

    def components(self) -> Iterator[Component]:
        yield from self._load_balancers()
        yield from self._servers()
        yield from self._services()
        yield from self._bursts()
        yield from self._databases()
        yield from self._caches()
        yield from self._ways_out()
        yield from self._endpoints()
        yield from self._regional()

    def _load_balancers(self) -> Iterator[Component]:
        for resource in self._assembly.of_kind("AWS::ElasticLoadBalancingV2::LoadBalancer"):
            yield Component(
                name="load balancer",
                resources=(resource.address,),
                parts=self._parts(resource.address),
                serves=frozenset({Function.API}),
                takes_over=True,
                users_see="some connections break; clients that retry reach another node",
                users_see_none="no answer",
                recovery="AWS replaces the node and takes it out of DNS",
                recovery_s=(60, 300),
                basis=_AWS,
            )

    def _servers(self) -> Iterator[Component]:
        """Instances of no group: nothing starts another one in their place, whatever runs on them."""
        for resource in self._assembly.of_kind("AWS::EC2::Instance"):
            yield Component(
                name="server",
                resources=(resource.address,),
                parts=self._parts(resource.address),
                serves=EVERYTHING,
                takes_over=False,
                users_see="no answer; nothing is taken, developed or handed out",
                users_see_none="no answer; nothing is taken, developed or handed out",
                recovery="a person starts it again, or builds it anew from the last copy of its disk",
                recovery_s=(300, 86_400),
                basis="assumed: minutes if its host failed and EC2 moves it, a day if its disk is lost",
            )

    def _services(self) -> Iterator[Component]:
        """ECS services: tasks in the zones of their subnets, at least as many as scaling leaves."""
        for service in self._assembly.of_kind("AWS::ECS::Service"):
            group = self._group_of(service)
            least = self._least_tasks(service, group)
            zones = self._zones(service.address)
            serves_requests = bool(service.properties.get("LoadBalancers"))
            if serves_requests:
                yield self._web(service, group, least, zones)
            else:
                yield self._workers(service, group, least, zones)

    def _web(self, service: Resource, group: Resource | None, least: int, zones: list[str]) -> Component:
        interval, count = self._health_check(service)
        return Component(
            name="web tasks and their instances",
            resources=tuple(item.address for item in (service, group) if item),
            parts=_spread(least, zones),
            serves=frozenset({Function.API}),
            takes_over=True,
            users_see="requests in hand fail; others go to the remaining tasks",
            users_see_none="503 from the load balancer; uploads and downloads by links go on",
            recovery="the load balancer stops asking it, ECS starts another, Auto Scaling replaces the instance",
            recovery_s=(interval * count, interval * count + 300),
            basis=f"health check every {interval} s, {count} failures; a new instance within five minutes",
        )

    def _workers(self, service: Resource, group: Resource | None, least: int, zones: list[str]) -> Component:
        visibility = max(
            (self._number(queue, "VisibilityTimeout", 30) for queue in self._assembly.of_kind("AWS::SQS::Queue")),
            default=30,
        )
        return Component(
            name="workers and their instances",
            resources=tuple(item.address for item in (service, group) if item),
            # Work waits in the queue: a new worker is a part as much as one that runs.
            parts=_spread(max(least, len(zones)), zones),
            serves=frozenset({Function.DEVELOPMENT}),
            takes_over=True,
            users_see="its images take longer: their messages come back and another worker develops them",
            users_see_none="jobs are taken, and wait",
            recovery="SQS gives the messages out again; ECS and Auto Scaling replace task and instance",
            recovery_s=(0, visibility + 300),
            basis=f"visibility timeout {visibility} s, after which nothing is held by the dead; instance as above",
        )

    def _bursts(self) -> Iterator[Component]:
        starters = {
            item.owner for item in self._network.interfaces if item.kind is Kind.TASK and "tasks it starts" in item.name
        }
        for address in sorted(starters):
            zones = self._zones(address)
            yield Component(
                name="burst workers on Fargate",
                resources=(address,),
                parts=_spread(len(zones), zones),
                serves=frozenset({Function.DEVELOPMENT}),
                takes_over=True,
                users_see="its images take longer: their messages come back and another task develops them",
                users_see_none="a growing queue drains as fast as the other workers can",
                recovery="SQS gives the messages out again; the function starts what is missing every minute",
                recovery_s=(60, 1200),
                basis="schedule of the function; start of a Fargate task",
            )

    def _databases(self) -> Iterator[Component]:
        for resource in self._assembly.of_kind("AWS::RDS::DBInstance"):
            zones = self._zones(resource.address)
            standby = self._flag(resource, "MultiAZ")
            yield Component(
                name="database",
                resources=(resource.address,),
                parts=_spread(2 if standby else 1, zones),
                serves=frozenset({Function.API, Function.DEVELOPMENT}),
                takes_over=standby,
                users_see="requests fail for a minute or two, workers wait and go on"
                if standby
                else "nothing but links works until the instance is back, or restored from a backup",
                users_see_none="nothing but links works; images wait in the queue",
                recovery="RDS fails over to the standby" if standby else "RDS restarts it, or a person restores it",
                recovery_s=(60, 120) if standby else (600, 7200),
                basis=f"MultiAZ is {str(standby).lower()}; times from the RDS user guide",
            )

    def _caches(self) -> Iterator[Component]:
        for resource in self._assembly.of_kind("AWS::ElastiCache::ReplicationGroup"):
            nodes = self._number(resource, "NumCacheClusters", 1 + self._number(resource, "ReplicasPerNodeGroup", 0))
            failover = self._flag(resource, "AutomaticFailoverEnabled") and self._flag(resource, "MultiAZEnabled")
            yield Component(
                name="session store",
                resources=(resource.address,),
                parts=_spread(nodes, self._zones(resource.address)),
                serves=frozenset({Function.API}),
                takes_over=failover,
                users_see="people sign in again" if failover else "nobody stays signed in until the node is back",
                users_see_none="nobody can sign in to the console; API keys work, rate limits are not counted",
                recovery="ElastiCache promotes a replica" if failover else "ElastiCache replaces the node",
                recovery_s=(15, 60) if failover else (300, 1800),
                basis=f"{nodes} of it, automatic failover is {str(failover).lower()}; times from the ElastiCache guide",
            )

    def _ways_out(self) -> Iterator[Component]:
        """NAT gateways as the subnets that use them see them: a zone that uses another one's has no own part."""
        parts: list[Part] = []
        foreign = False
        users = [subnet for subnet in self._network.subnets.values() if _nat(subnet.routes) is not None]
        zone_of = {
            item.owner: self._network.subnets[item.subnet].zone
            for item in self._network.interfaces
            if item.kind is Kind.NAT
        }
        for subnet in users:
            target = _nat(subnet.routes)
            zone = zone_of.get(target) if target is not None else None
            foreign = foreign or zone != subnet.zone
            part = Part(zone=zone or "nowhere", name=str(target))
            if part not in parts:
                parts.append(part)
        if users:
            yield Component(
                name="NAT gateways",
                resources=tuple(sorted(zone_of)),
                parts=tuple(parts),
                serves=frozenset({Function.API, Function.DEVELOPMENT}),
                # The others do not take over; but what is in the other zones does not need the one that died.
                takes_over=not foreign,
                users_see="tasks of all zones that use it cannot reach AWS"
                if foreign
                else "tasks of its zone cannot reach AWS; load balancer and queue give the work to the others",
                users_see_none="no task can reach AWS services without an endpoint of their own",
                recovery="AWS keeps the gateway redundant within its zone; it comes back with the zone",
                recovery_s=None,
                basis="routes of the private subnets",
            )

    def _endpoints(self) -> Iterator[Component]:
        for resource in self._assembly.of_kind("AWS::EC2::VPCEndpoint"):
            if resource.properties.get("VpcEndpointType", "Gateway") == "Interface":
                service = str(resource.properties.get("ServiceName")).split(".", 3)[-1]
                by_operators = service in {"ssm", "ssmmessages", "ec2messages"}
                yield Component(
                    name=f"endpoint {service}",
                    resources=(resource.address,),
                    parts=self._parts(resource.address),
                    serves=frozenset() if by_operators else frozenset({Function.API, Function.DEVELOPMENT}),
                    takes_over=True,
                    users_see="calls that were on their way are repeated through the other zone's",
                    users_see_none="operators cannot open sessions on instances"
                    if by_operators
                    else f"tasks cannot reach {service}",
                    recovery="DNS leaves the dead interface out",
                    recovery_s=(0, 60),
                    basis=_AWS,
                )

    def _regional(self) -> Iterator[Component]:
        for kind, (name, serves, users_see_none) in _REGIONAL.items():
            found = tuple(resource.address for resource in self._assembly.of_kind(kind))
            if found:
                yield Component(
                    name=name,
                    resources=found,
                    parts=(Part(zone=None),),
                    serves=serves,
                    takes_over=True,
                    users_see="nothing",
                    users_see_none=users_see_none,
                    recovery="AWS runs it in several zones",
                    recovery_s=None,
                    basis="assumed: a regional service",
                )

    def _parts(self, owner: Address) -> tuple[Part, ...]:
        return tuple(Part(zone=zone) for zone in self._zones(owner))

    def _zones(self, owner: Address) -> list[str]:
        """Zones that a resource has interfaces in, each once."""
        zones = [self._network.subnets[item.subnet].zone for item in self._network.interfaces if item.owner == owner]
        return list(dict.fromkeys(zones))

    def _group_of(self, service: Resource) -> Resource | None:
        """The Auto Scaling group that gives a service its instances, through its capacity provider."""
        strategy = service.properties.get("CapacityProviderStrategy")
        for item in strategy if isinstance(strategy, list) else []:
            provider = self._assembly.at(item.get("CapacityProvider")) if isinstance(item, dict) else None
            if provider is not None:
                for reference in references(dict(provider.properties)):
                    group = self._assembly.resources.get(reference.address)
                    if group is not None and group.kind == "AWS::AutoScaling::AutoScalingGroup":
                        return group
        return None

    def _least_tasks(self, service: Resource, group: Resource | None) -> int:
        least = self._number(service, "DesiredCount", 1)
        for target in self._assembly.of_kind("AWS::ApplicationAutoScaling::ScalableTarget"):
            if service.address in {reference.address for reference in references(target.properties.get("ResourceId"))}:
                least = self._number(target, "MinCapacity", 0)
        return min(least, self._number(group, "MinSize", 0)) if group is not None else least

    def _health_check(self, service: Resource) -> tuple[int, int]:
        """Seconds between two questions, and how many bad answers take a task out."""
        for balancer in cast("list[dict[str, Value]]", service.properties.get("LoadBalancers")):
            target = self._assembly.at(balancer.get("TargetGroupArn"))
            if target is not None:
                return (
                    self._number(target, "HealthCheckIntervalSeconds", 30),
                    self._number(target, "UnhealthyThresholdCount", 2),
                )
        return 30, 2

    def _number(self, resource: Resource, key: str, default: int) -> int:
        value = resource.properties.get(key)
        if value is None:
            return default
        try:
            return int(cast("str", value))
        except (TypeError, ValueError):
            self._unclear(resource, key, value)
            return default

    def _flag(self, resource: Resource, key: str) -> bool:
        value = resource.properties.get(key, False)
        if not isinstance(value, bool | str):
            self._unclear(resource, key, value)
        return value is True or value == "true"

    def _unclear(self, resource: Resource, key: str, value: Value) -> None:
        where = f"{resource.address} ({resource.kind}): {key}"
        self.problems.append(Problem(where=where, why=f"{value} is only known when deployed"))


def _nat(routes: Iterable[Route]) -> Address | None:
    return next((route.target for route in routes if route.way is Way.NAT), None)


def _spread(count: int, zones: list[str]) -> tuple[Part, ...]:
    """So many parts over the zones, as evenly as Auto Scaling and ECS do it."""
    return tuple(Part(zone=zones[index % len(zones)], name=str(index)) for index in range(count)) if zones else ()
