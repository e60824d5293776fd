"""A task definition with one container, hardened as far as each place that runs tasks allows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.container_image import ContainerImage
from stacks.constructs.roles import Permission, ScopedRole, ecs_tasks
from stacks.constructs.stateful import kept
from stacks.constructs.task_environment import SCRATCH
from stacks.settings import Settings
from stacks.traffic import CLIENT_PORTS, Party

FARGATE_PLATFORM = "1.4.0"
"""Named, because the tasks are written for what it allows: system controls, more storage, a volume that is theirs."""

_USER = "10001:10001"
_OPEN_FILES = 65_535
_WRITABLE = ("/tmp", SCRATCH)  # noqa: S108

_Definition = ecs.CfnTaskDefinition


class Place(StrEnum):
    """Where a task runs, as ECS spells it."""

    INSTANCES = "EC2"
    FARGATE = "FARGATE"


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a task gets. Its disk is Fargate's; on an instance it is the instance's."""

    cpu_units: int
    memory_mib: int
    disk_gib: int | None = None


class Task(Construct):
    """One kind of task: its definition, its log group, and the role that ECS starts it with.

    Attributes:
        definition: its family is `rawmill-ENV-NAME`.
        container_name: of the one container.
        execution_role: pulls the image and writes the log group, and no other.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        party: Party,
        place: Place,
        size: Size,
        image: ContainerImage,
        role: iam.IRole,
        key: kms.IKey,
        command: Sequence[str],
        environment: Mapping[str, str],
        stop_timeout_s: int,
        health_check: str | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.container_name = name
        self.family = f"rawmill-{settings.name}-{name}"
        self.records = logs.CfnLogGroup(
            self,
            "Records",
            retention_in_days=settings.observability.log_retention_days,
            kms_key_id=key.key_arn,
        )
        self.records.apply_removal_policy(kept(settings))
        self.task_role = role
        self.execution_role = self._execution_role(image)
        container = _Definition.ContainerDefinitionProperty(
            name=name,
            image=image.uri,
            essential=True,
            command=list(command),
            environment=[
                _Definition.KeyValuePairProperty(name=key_, value=value) for key_, value in sorted(environment.items())
            ],
            user=_USER,
            readonly_root_filesystem=True,
            privileged=None if place is Place.FARGATE else False,
            # Fargate has no such option; there no program in the image has a privilege to gain either.
            docker_security_options=None if place is Place.FARGATE else ["no-new-privileges"],
            linux_parameters=_Definition.LinuxParametersProperty(
                capabilities=_Definition.KernelCapabilitiesProperty(drop=["ALL"]),
                # Reaps children of a process that died before them, and hands signals on.
                init_process_enabled=True,
            ),
            mount_points=[
                _Definition.MountPointProperty(source_volume=_volume(path), container_path=path, read_only=False)
                for path in _WRITABLE
            ],
            port_mappings=[_Definition.PortMappingProperty(container_port=port, protocol="tcp")] if port else None,
            system_controls=_system_controls(party, port),
            ulimits=_limits(place),
            health_check=_health_check(health_check) if health_check else None,
            stop_timeout=stop_timeout_s,
            log_configuration=self._log_configuration(settings, name),
        )
        self.definition = _Definition(
            self,
            "Definition",
            family=self.family,
            requires_compatibilities=[place],
            network_mode="awsvpc",
            cpu=str(size.cpu_units),
            memory=str(size.memory_mib),
            ephemeral_storage=_Definition.EphemeralStorageProperty(size_in_gib=size.disk_gib)
            if size.disk_gib
            else None,
            runtime_platform=_Definition.RuntimePlatformProperty(
                cpu_architecture=image.architecture, operating_system_family="LINUX"
            ),
            task_role_arn=role.role_arn,
            execution_role_arn=self.execution_role.arn,
            container_definitions=[container],
            volumes=[
                # Made new for each task; the image says who owns it.
                _Definition.VolumeProperty(name=_volume(path))
                for path in _WRITABLE
            ],
        )
        self.definition.add_resource_dependency(self.execution_role.policy)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings about tasks as this platform makes them."""
        yield Acknowledgement(
            resource=self.definition,
            rule="AwsSolutions-ECS2",
            reason="ACCEPTED: addresses, names and numbers; secrets are read from Secrets Manager by their ARN",
        )
        yield from self.execution_role.acknowledgements()

    def _execution_role(self, image: ContainerImage) -> ScopedRole:
        return ScopedRole(
            self,
            "Execution",
            description=f"Starts {self.container_name} tasks",
            assumed_by=ecs_tasks(cdk.Stack.of(self)),
            permissions=[
                Permission(
                    sid="RegistryToken",
                    actions=["ecr:GetAuthorizationToken"],
                    resources=["*"],
                    because="ECR knows no resource to name for its token, which opens nothing by itself",
                ),
                Permission(
                    sid="PullImage",
                    actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                    resources=[image.repository_arn],
                ),
                Permission(
                    sid="WriteLog",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[self.records.attr_arn],
                ),
            ],
        )

    def _log_configuration(self, settings: Settings, name: str) -> ecs.CfnTaskDefinition.LogConfigurationProperty:
        return _Definition.LogConfigurationProperty(
            log_driver="awslogs",
            options={
                "awslogs-group": self.records.ref,
                "awslogs-region": settings.region,
                "awslogs-stream-prefix": name,
                # Logs carry the metrics, and all the same: when CloudWatch does not answer, lines beyond the buffer are
                # lost rather than requests and jobs held up behind a write to standard output.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        )


def _volume(path: str) -> str:
    return path.removeprefix("/")


def _system_controls(party: Party, port: int | None) -> list[ecs.CfnTaskDefinition.SystemControlProperty]:
    """Kernel parameters of the task's own network, allowed under awsvpc on instances and on Fargate alike."""
    clients = CLIENT_PORTS[party]
    controls = {
        # Network ACLs let answers back in to these ports and no others.
        "net.ipv4.ip_local_port_range": f"{clients.first} {clients.last}",
    }
    if port is not None and port < 1024:
        # The process is not root and has no capability, and listens on a port that once took one of the two.
        controls["net.ipv4.ip_unprivileged_port_start"] = "0"
    return [
        _Definition.SystemControlProperty(namespace=namespace, value=value)
        for namespace, value in sorted(controls.items())
    ]


def _limits(place: Place) -> list[ecs.CfnTaskDefinition.UlimitProperty]:
    limits = [_Definition.UlimitProperty(name="nofile", soft_limit=_OPEN_FILES, hard_limit=_OPEN_FILES)]
    if place is Place.INSTANCES:
        # No core dump, which would put a customer's picture on the instance's disk. Fargate takes no such limit.
        limits.append(_Definition.UlimitProperty(name="core", soft_limit=0, hard_limit=0))
    return limits


def _health_check(what: str) -> ecs.CfnTaskDefinition.HealthCheckProperty:
    return _Definition.HealthCheckProperty(
        command=["CMD", "python", "-m", "service.check", what],
        interval=30,
        timeout=5,
        retries=3,
        start_period=60,
    )
