"""Reads a fleet out of an assembly. Whatever the simulation needs and does not find, or does not model, is refused."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from audit.assembly import Address, Assembly, Reference, Resource, Text, Value, references
from audit.errors import AuditError, NotModelledError, Problem
from audit.fleet.model import Burst, Fleet, Instances, Queue, Task
from audit.fleet.properties import Properties
from audit.fleet.read_scaling import PolicyReader, read_alarm

_UNSUPPORTED = {
    "AWS::AutoScaling::WarmPool": "warm pools are not modelled",
    "AWS::AutoScaling::ScheduledAction": "scheduled scaling is not modelled",
}
_SPOT_DRAINING = "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true"
_RATE = re.compile(r"rate\((\d+) minutes?\)")
_DEFAULT_VISIBILITY_S, _DEFAULT_RETENTION_S = 30, 345_600
_DEFAULT_WARM_UP_S, _DEFAULT_MOST_STEP, _DEFAULT_LEAST_STEP = 300, 10_000, 1
_DEFAULT_STOP_TIMEOUT_S = 30
_FARGATE_DISK_GIB = 20


def read_fleet(assembly: Assembly) -> Fleet:
    """The fleet that works off the job queue.

    Raises:
        AuditError: something that decides is missing, only known when deployed, or not modelled.
    """
    reader = _Reader(assembly)
    fleet = reader.fleet()
    if reader.problems or fleet is None:
        raise AuditError(sorted(set(reader.problems)))
    return fleet


class _Reader:
    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self.problems: list[Problem] = []

    def fleet(self) -> Fleet | None:
        """The fleet, or None beside at least one problem."""
        for kind, why in _UNSUPPORTED.items():
            for resource in self._assembly.of_kind(kind):
                self._refuse(resource, "", why)
        queue = self._job_queue()
        if queue is None:
            return None
        tasks = {
            resource.address: container
            for resource in self._assembly.of_kind("AWS::ECS::TaskDefinition")
            if (container := self._worker_container(resource, queue)) is not None
        }
        services = [
            service
            for service in self._assembly.of_kind("AWS::ECS::Service")
            if self._address(service.properties.get("TaskDefinition")) in tasks
        ]
        starters = [
            function
            for function in self._assembly.of_kind("AWS::Lambda::Function")
            if self._address(_variables(function).get("TASK_DEFINITION")) in tasks
        ]
        for found in (services[1:], starters[1:]):
            for resource in found:
                self._refuse(resource, "", "a second one of its kind for the same queue is not modelled")
        if not services and not starters:
            self._refuse(queue, "", "no ECS service and no function starts workers for it: nothing to simulate")
        if self.problems:
            return None
        instances = self._instances(services[0], tasks, queue) if services else None
        burst = self._burst(starters[0], tasks, queue) if starters else None
        zones = self._zones([*services, *starters])
        if self.problems:
            return None
        name = self._assembly.folder.resolve().name
        return Fleet(
            name=name,
            origin=f"as the templates of {name} say",
            region=next((template.region for template in self._assembly.stacks.values() if template.region), None)
            or "any region",
            zones=zones,
            queue=self._queue(queue),
            instances=instances,
            burst=burst,
        )

    def _job_queue(self) -> Resource | None:
        """The one queue that sends to a dead-letter queue."""
        queues = [queue for queue in self._assembly.of_kind("AWS::SQS::Queue") if "RedrivePolicy" in queue.properties]
        if len(queues) != 1:
            found = ", ".join(str(queue) for queue in queues) or "none"
            why = f"one SQS queue with a RedrivePolicy is needed: the job queue; found {found}"
            self.problems.append(Problem(where=str(self._assembly.folder), why=why))
            return None
        queue = queues[0]
        properties = self._of(queue)
        for key in ("FifoQueue", "DelaySeconds"):
            if queue.properties.get(key) not in (None, False, 0, "0", "false"):
                self._refuse(queue, key, f"{queue.properties[key]} is not modelled")
        if properties.number("RedrivePolicy.maxReceiveCount") is None:
            self._refuse(queue, "RedrivePolicy.maxReceiveCount", "is missing: how often an image is tried")
        return queue

    def _queue(self, queue: Resource) -> Queue:
        properties = self._of(queue)
        return Queue(
            visibility_s=properties.number("VisibilityTimeout", _DEFAULT_VISIBILITY_S) or 0,
            max_receives=round(properties.number("RedrivePolicy.maxReceiveCount") or 0),
            retention_s=properties.number("MessageRetentionPeriod", _DEFAULT_RETENTION_S) or 0,
        )

    def _worker_container(self, definition: Resource, queue: Resource) -> dict[str, Value] | None:
        """The container that works off the queue: its command begins with `worker`."""
        containers = definition.properties.get("ContainerDefinitions")
        for container in containers if isinstance(containers, list) else []:
            if not isinstance(container, dict):
                continue
            command = container.get("Command")
            works = isinstance(command, list) and command[:1] == ["worker"]
            if works and self._address(_environment(container).get("RAWMILL_QUEUE_URL")) == queue.address:
                return container
        return None

    def _task(self, definition: Resource, container: Mapping[str, Value], queue: Resource) -> Task:
        properties = self._of(definition)
        environment = Properties(_environment(container), f"{definition} (its worker's environment)", self.problems)
        told = environment.number("RAWMILL_VISIBILITY_TIMEOUT_S")
        visibility = self._queue(queue)
        if told is not None and told != visibility.visibility_s:
            why = f"{told:g} differs from the queue's {visibility.visibility_s:g}: what then happens is not modelled"
            self._refuse(definition, "RAWMILL_VISIBILITY_TIMEOUT_S", why)
        tries = environment.number("RAWMILL_MAX_RECEIVES")
        if tries is not None and tries != visibility.max_receives:
            why = f"{tries:g} differs from the queue's maxReceiveCount {visibility.max_receives}"
            self._refuse(definition, "RAWMILL_MAX_RECEIVES", why)
        for name in ("RAWMILL_LICENCES",):
            if (environment.text(name) or "{}") != "{}":
                self._refuse(definition, name, f"{environment.text(name)}: seats of licences are not modelled")
        stop = Properties(container, f"{definition} (its worker)", self.problems)
        return Task(
            vcpus=properties.needed("Cpu") / 1024,
            memory_gib=properties.needed("Memory") / 1024,
            processes=round(environment.needed("RAWMILL_PROCESSES", least=1)),
            time_limit_s=environment.needed("RAWMILL_JOB_TIME_LIMIT_S", least=1),
            stop_timeout_s=stop.number("StopTimeout", _DEFAULT_STOP_TIMEOUT_S) or 0,
            disk_gib=properties.number("EphemeralStorage.SizeInGiB", 0) or 0,
        )

    def _instances(
        self, service: Resource, tasks: Mapping[Address, dict[str, Value]], queue: Resource
    ) -> Instances | None:
        definition = self._assembly.resources[cast("Address", self._address(service.properties["TaskDefinition"]))]
        provider, group = self._capacity(service)
        if provider is None or group is None:
            return None
        constraints = service.properties.get("PlacementConstraints")
        if not isinstance(constraints, list) or {"Type": "distinctInstance"} not in constraints:
            self._refuse(service, "PlacementConstraints", "several tasks on an instance are not modelled")
        template, types, base, spot = self._launches(group)
        data = self._of(template, "LaunchTemplateData") if template else None
        group_properties, scaling = self._of(group), self._of(provider, "AutoScalingGroupProvider.ManagedScaling")
        target = self._target(service)
        if template is None or data is None or target is None:
            return None
        if scaling.text("Status") != "ENABLED":
            self._refuse(provider, "ManagedScaling.Status", f"{scaling.text('Status')}: only ENABLED is modelled")
        if (scaling.number("TargetCapacity", 100) or 0) != 100:
            self._refuse(provider, "ManagedScaling.TargetCapacity", "spare instances (below 100) are not modelled")
        policies = PolicyReader(self._assembly, self.problems, queue=queue.address, service=service.address)
        tracking, stepping = policies.of_target(target)
        limits = self._of(target)
        return Instances(
            task=self._task(definition, tasks[definition.address], queue),
            instance_type=types,
            architecture=self._architecture(definition),
            least=round(group_properties.needed("MinSize")),
            most=round(group_properties.needed("MaxSize", least=1)),
            least_tasks=round(limits.needed("MinCapacity")),
            most_tasks=round(limits.needed("MaxCapacity", least=1)),
            step_least=round(scaling.number("MinimumScalingStepSize", _DEFAULT_LEAST_STEP) or 1),
            step_most=round(scaling.number("MaximumScalingStepSize", _DEFAULT_MOST_STEP) or 1),
            warm_up_s=scaling.number("InstanceWarmupPeriod", _DEFAULT_WARM_UP_S) or 0,
            on_demand_base=base,
            spot_share=spot,
            drains_spot=_SPOT_DRAINING in _all_text(template.properties),
            disk_gib=sum(_volumes(template)),
            tracking=tracking,
            stepping=stepping,
        )

    def _capacity(self, service: Resource) -> tuple[Resource | None, Resource | None]:
        """The capacity provider of a service and its Auto Scaling group."""
        strategy = service.properties.get("CapacityProviderStrategy")
        items = [item for item in strategy if isinstance(item, dict)] if isinstance(strategy, list) else []
        provider = self._assembly.at(items[0].get("CapacityProvider")) if len(items) == 1 else None
        if provider is None or provider.kind != "AWS::ECS::CapacityProvider":
            self._refuse(service, "CapacityProviderStrategy", "one provider of this assembly is modelled, no more")
            return None, None
        for reference in references(dict(provider.properties)):
            group = self._assembly.resources.get(reference.address)
            if group is not None and group.kind == "AWS::AutoScaling::AutoScalingGroup":
                for policy in self._assembly.of_kind("AWS::AutoScaling::ScalingPolicy"):
                    if group.address in policy.targets:
                        self._refuse(policy, "", "a policy of the group beside its capacity provider is not modelled")
                return provider, group
        self._refuse(provider, "AutoScalingGroupProvider", "its Auto Scaling group is not in this assembly")
        return None, None

    def _launches(self, group: Resource) -> tuple[Resource | None, str, int, float]:
        """Launch template, first instance type, On-Demand base, and the share of Spot above it."""
        mixed = group.properties.get("MixedInstancesPolicy")
        written = group.properties.get("LaunchTemplate")
        base, spot, types = 0, 0.0, ""
        if isinstance(mixed, dict):
            policy = Properties(mixed, f"{group} (MixedInstancesPolicy)", self.problems)
            launch = mixed.get("LaunchTemplate")
            if isinstance(launch, dict):
                written = launch.get("LaunchTemplateSpecification")
                overrides = launch.get("Overrides")
                for override in overrides if isinstance(overrides, list) else []:
                    if isinstance(override, dict):
                        types = types or str(override.get("InstanceType") or "")
                        if "WeightedCapacity" in override or "InstanceRequirements" in override:
                            self._refuse(group, "MixedInstancesPolicy", "weights and requirements are not modelled")
            base = round(policy.number("InstancesDistribution.OnDemandBaseCapacity", 0) or 0)
            on_demand = policy.number("InstancesDistribution.OnDemandPercentageAboveBaseCapacity", 100)
            spot = 1 - (100 if on_demand is None else on_demand) / 100
        template = self._assembly.at(written.get("LaunchTemplateId")) if isinstance(written, dict) else None
        if template is None:
            self._refuse(group, "LaunchTemplate", "its launch template is not in this assembly")
            return None, "", 0, 0.0
        types = types or self._of(template, "LaunchTemplateData").text("InstanceType") or ""
        if not types:
            self._refuse(template, "LaunchTemplateData.InstanceType", "is missing")
        return template, types, base, spot

    def _target(self, service: Resource) -> Resource | None:
        found = [
            target
            for target in self._assembly.of_kind("AWS::ApplicationAutoScaling::ScalableTarget")
            if service.address in {reference.address for reference in references(target.properties.get("ResourceId"))}
        ]
        if len(found) != 1:
            self._refuse(service, "", f"one ScalableTarget scales it in the model, here are {len(found)}")
            return None
        for key in ("ScheduledActions", "SuspendedState"):
            if found[0].properties.get(key):
                self._refuse(found[0], key, "is not modelled")
        return found[0]

    def _burst(self, function: Resource, tasks: Mapping[Address, dict[str, Value]], queue: Resource) -> Burst | None:
        variables = Properties(_variables(function), f"{function} (its environment)", self.problems)
        if self._address(_variables(function).get("QUEUE_URL")) != queue.address:
            self._refuse(function, "QUEUE_URL", "is not the job queue, which its tasks work off")
        definition = self._assembly.resources[cast("Address", self._address(_variables(function)["TASK_DEFINITION"]))]
        every, alarm = self._starts(function)
        if every is None:
            self._refuse(function, "", "no rule starts it on a schedule: a backlog that keeps growing would be left")
            return None
        read = None
        if alarm is not None:
            try:
                read = read_alarm(alarm, queue=queue.address, service=None)
            except NotModelledError as error:
                self._refuse(alarm, "", str(error))
        task = self._task(definition, tasks[definition.address], queue)
        return Burst(
            task=Task(
                vcpus=task.vcpus,
                memory_gib=task.memory_gib,
                processes=task.processes,
                time_limit_s=task.time_limit_s,
                stop_timeout_s=task.stop_timeout_s,
                disk_gib=max(task.disk_gib, _FARGATE_DISK_GIB),
            ),
            architecture=self._architecture(definition),
            images_per_task=round(variables.needed("IMAGES_PER_TASK", least=1)),
            base_images=round(variables.needed("BASE_IMAGES")),
            most=round(variables.needed("MAX_TASKS", least=1)),
            every_s=every,
            alarm=read,
        )

    def _starts(self, function: Resource) -> tuple[float | None, Resource | None]:
        """Seconds between scheduled runs, and the alarm whose change of state starts one more."""
        every: float | None = None
        alarm: Resource | None = None
        for rule in self._assembly.of_kind("AWS::Events::Rule"):
            targets = rule.properties.get("Targets")
            if function.address not in {item.address for item in references(targets)}:
                continue
            if rule.properties.get("State", "ENABLED") != "ENABLED":
                continue
            schedule = rule.properties.get("ScheduleExpression")
            if schedule is not None:
                rate = _RATE.fullmatch(str(schedule))
                if rate is None:
                    self._refuse(rule, "ScheduleExpression", f"{schedule}: only rate(N minutes) is modelled")
                else:
                    every = 60.0 * int(rate[1])
                continue
            named = {item.address for item in references(rule.properties.get("EventPattern"))}
            alarm = next(
                (item for item in self._assembly.of_kind("AWS::CloudWatch::Alarm") if item.address in named), alarm
            )
        return every, alarm

    def _zones(self, users: Iterable[Resource]) -> tuple[str, ...]:
        """Zones of the subnets that workers run in."""
        zones: set[str] = set()
        for user in users:
            written = user.properties.get("NetworkConfiguration") or user.properties.get("Environment")
            for reference in references(written):
                subnet = self._assembly.resources.get(reference.address)
                if subnet is not None and subnet.kind == "AWS::EC2::Subnet":
                    zone = subnet.properties.get("AvailabilityZone")
                    if not isinstance(zone, str):
                        self._refuse(subnet, "AvailabilityZone", f"{zone} is only known when deployed")
                    else:
                        zones.add(zone)
            if not zones:
                self._refuse(user, "", "its subnets are not in this assembly: zones are needed")
        return tuple(sorted(zones))

    def _architecture(self, definition: Resource) -> str:
        return self._of(definition).text("RuntimePlatform.CpuArchitecture") or "X86_64"

    def _of(self, resource: Resource, path: str = "") -> Properties:
        whole = Properties(resource.properties, f"{resource.address} ({resource.kind})", self.problems)
        return whole.below(path) if path else whole

    def _address(self, value: Value) -> Address | None:
        return value.address if isinstance(value, Reference) else None

    def _refuse(self, resource: Resource, key: str, why: str) -> None:
        where = f"{resource.address} ({resource.kind})" + (f": {key}" if key else "")
        self.problems.append(Problem(where=where, why=why))


def _environment(container: Mapping[str, Value]) -> dict[str, Value]:
    written = container.get("Environment")
    items = written if isinstance(written, list) else []
    return {str(item["Name"]): item.get("Value") for item in items if isinstance(item, dict) and "Name" in item}


def _variables(function: Resource) -> dict[str, Value]:
    written = function.properties.get("Environment")
    variables = written.get("Variables") if isinstance(written, dict) else None
    return variables if isinstance(variables, dict) else {}


def _volumes(template: Resource) -> Iterator[float]:
    data = template.properties.get("LaunchTemplateData")
    mappings = data.get("BlockDeviceMappings") if isinstance(data, dict) else None
    for mapping in mappings if isinstance(mappings, list) else []:
        disk = mapping.get("Ebs") if isinstance(mapping, dict) else None
        if isinstance(disk, dict):
            yield float(cast("str", disk.get("VolumeSize") or 0))


def _all_text(value: "Value | Mapping[str, Value]") -> str:
    """Every literal in a value, one after the other."""
    match value:
        case str():
            return value
        case Text():
            return "".join(part for part in value.parts if isinstance(part, str))
        case list():
            return "\n".join(_all_text(item) for item in value)
        case dict():
            return "\n".join(_all_text(item) for item in value.values())
        case Mapping():
            return _all_text(dict(value))
        case _:
            return ""
