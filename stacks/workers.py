"""The Workers stack: what works off the queue, on instances, on Fargate or on both, and what sweeps up behind it."""

import math
from collections.abc import Iterator

from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.backlog import Backlog
from stacks.constructs.burst import Burst
from stacks.constructs.cluster import give_capacity, make_cluster
from stacks.constructs.container_image import ContainerImage
from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.instance_service import make_instance_service
from stacks.constructs.maintenance import Sweeper, make_maintenance_role
from stacks.constructs.task import Place, Size, Task
from stacks.constructs.task_environment import common_environment, maintenance_environment, worker_environment
from stacks.constructs.worker_role import make_worker_role
from stacks.constructs.worker_scaling import WorkerScaling
from stacks.data import DataStack
from stacks.machines import WorkerSize, known_machine, worker_on, worker_on_fargate
from stacks.messaging import MessagingStack
from stacks.network import NetworkStack
from stacks.settings import Settings, Strategy
from stacks.traffic import Party, Tier

_INSTANCE_DISK_GIB = 30
_FARGATE_DISK_GIB = 21
"""The least that each allows, which holds the system and the image."""
_COPIES_PER_IMAGE = 4
"""Of the largest file, on the disk at a time for each process: the original, and room for its renditions."""
_MAINTENANCE = Size(cpu_units=256, memory_mib=1024)


class WorkersStack(PlatformStack):
    """The worker cluster: a service on an Auto Scaling group of its own, Fargate for bursts, and maintenance.

    Attributes:
        service, auto_scaling_group, worker_task: workers on instances; None with the strategy `fargate`.
        burst_task, burst_function, burst_records: workers on Fargate, what starts them and its log; None with the
            strategy `ec2`.
        backlog: metric math that scaling, alarms and dashboards share.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: NetworkStack,
        data: DataStack,
        messaging: MessagingStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings)
        self._settings, self._data, self._messaging = settings, data, messaging
        self._subnet_ids = network.subnets.ids(Tier.APP)
        self.security_group_id = network.security_groups.groups[Party.WORKERS].attr_group_id
        self._machine = known_machine(settings.workers.instance_type)
        self._image = ContainerImage(
            self, "Image", architecture=self._machine.architecture, base=settings.container_image.base
        )

        self.cluster = make_cluster(self, "Cluster")
        self._worker_role = make_worker_role(
            self, "WorkerRole", data=data, messaging=messaging, cluster_name=self.cluster.ref
        )
        on_instances = settings.workers.strategy is not Strategy.FARGATE
        on_fargate = settings.workers.strategy is not Strategy.EC2
        self._instances = self._make_instances() if on_instances else None
        capacity = give_capacity(
            self, "Capacity", cluster=self.cluster, groups=[self._instances] if self._instances else []
        )
        self.auto_scaling_group = self._instances.group if self._instances else None
        self.worker_task = self._worker_task("WorkerTask", Place.INSTANCES) if on_instances else None
        self.service = None
        if self._instances and self.worker_task:
            self.service = make_instance_service(
                self,
                "Service",
                cluster=self.cluster,
                capacity=capacity,
                instances=self._instances,
                task=self.worker_task,
                subnet_ids=self._subnet_ids,
                security_group_id=self.security_group_id,
                # Balance among zones is worth no worker's being stopped: the next ones are placed where fewest are.
                rebalanced=False,
                # Nobody waits for a worker but the queue. With none kept in service idle ones make room at once, where
                # the group is at its limit too; busy ones are protected, and make room when they have finished.
                kept_in_service_percent=0,
            )
        self.backlog = Backlog.of(messaging.queue, self.cluster, self.service)
        if self.service:
            WorkerScaling(
                self,
                "Scaling",
                workers=settings.workers,
                cluster=self.cluster,
                service=self.service,
                backlog=self.backlog,
            )
        self.burst_task = self._worker_task("BurstTask", Place.FARGATE) if on_fargate else None
        self._burst = None
        if self.burst_task:
            self._burst = Burst(
                self,
                "Burst",
                settings=settings,
                key=data.key,
                queue=messaging.queue,
                cluster=self.cluster,
                task=self.burst_task,
                backlog=self.backlog,
                subnet_ids=self._subnet_ids,
                security_group_id=self.security_group_id,
            )
        self.burst_function = self._burst.function if self._burst else None
        self.burst_records = self._burst.records if self._burst else None
        self._maintenance_role = make_maintenance_role(self, "MaintenanceRole", data=data, messaging=messaging)
        self.maintenance_task = self._maintenance_task()
        self.sweeper = Sweeper(
            self,
            "Sweeper",
            cluster=self.cluster,
            task=self.maintenance_task,
            subnet_ids=self._subnet_ids,
            security_group_id=self.security_group_id,
        )

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for."""
        for part in (
            self._worker_role,
            self._maintenance_role,
            self.sweeper,
            self._instances,
            self._burst,
            self.worker_task,
            self.burst_task,
            self.maintenance_task,
        ):
            if part:
                yield from part.acknowledgements()

    def _make_instances(self) -> InstanceGroup:
        workers = self._settings.workers
        return InstanceGroup(
            self,
            "Instances",
            settings=self._settings,
            name="worker",
            party=Party.WORKERS,
            cluster=self.cluster,
            machine=self._machine,
            least=workers.min_instances,
            most=workers.max_instances,
            subnet_ids=self._subnet_ids,
            security_group_id=self.security_group_id,
            disk_gib=_INSTANCE_DISK_GIB + self._scratch_gib(self._size_on(Place.INSTANCES)),
            alternatives=workers.alternative_instance_types,
            spot_share_percent=workers.spot_share_percent,
            keep_busy_instances=True,
        )

    def _worker_task(self, construct_id: str, place: Place) -> Task:
        size = self._size_on(place)
        on_fargate = place is Place.FARGATE
        return Task(
            self,
            construct_id,
            settings=self._settings,
            name="burst" if on_fargate else "worker",
            party=Party.WORKERS,
            place=place,
            size=Size(
                cpu_units=size.cpu_units,
                memory_mib=size.memory_mib,
                disk_gib=_FARGATE_DISK_GIB + self._scratch_gib(size) if on_fargate else None,
            ),
            image=self._image,
            role=self._worker_role.role,
            key=self._data.key,
            # A burst task ends by itself: nobody counts how many are still needed.
            command=["worker", "--until-empty"] if on_fargate else ["worker"],
            environment={**self._common_environment(), **worker_environment(self._settings, size=size)},
            health_check="worker",
            stop_timeout_s=self._settings.workers.stop_timeout_s,
        )

    def _maintenance_task(self) -> Task:
        return Task(
            self,
            "MaintenanceTask",
            settings=self._settings,
            name="maintenance",
            party=Party.WORKERS,
            place=Place.FARGATE,
            size=_MAINTENANCE,
            image=self._image,
            role=self._maintenance_role.role,
            key=self._data.key,
            command=["sweep"],
            environment={**self._common_environment(), **maintenance_environment(self._settings)},
            stop_timeout_s=self._settings.workers.stop_timeout_s,
        )

    def _common_environment(self) -> dict[str, str]:
        return common_environment(self._settings, data=self._data, messaging=self._messaging)

    def _size_on(self, place: Place) -> WorkerSize:
        most = self._settings.jobs.max_megapixels
        if place is Place.INSTANCES:
            return worker_on(self._machine, max_megapixels=most)
        return worker_on_fargate(self._settings.workers.burst_vcpus, max_megapixels=most)

    def _scratch_gib(self, size: WorkerSize) -> int:
        return math.ceil(size.processes * _COPIES_PER_IMAGE * self._settings.jobs.max_file_mib / 1024)
