"""The Web stack: the public entrance, and the service behind it."""

from collections.abc import Iterator

import aws_cdk as cdk
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.base import PlatformStack
from stacks.constructs.cluster import give_capacity, make_cluster
from stacks.constructs.container_image import ContainerImage
from stacks.constructs.firewall import Firewall
from stacks.constructs.instance_group import InstanceGroup
from stacks.constructs.task import Place, Size, Task
from stacks.constructs.task_environment import common_environment, web_environment
from stacks.constructs.web_entrance import WebEntrance
from stacks.constructs.web_role import WebRole
from stacks.constructs.web_scaling import WebScaling
from stacks.constructs.web_service import make_web_service
from stacks.data import DataStack
from stacks.machines import known_machine
from stacks.messaging import MessagingStack
from stacks.network import NetworkStack
from stacks.settings import Settings
from stacks.traffic import Party, Tier, listening_port

_DISK_GIB = 30
_STOP_TIMEOUT_S = 60


class WebStack(PlatformStack):
    """Load balancer, certificate, DNS, firewall, and an ECS service on an Auto Scaling group of its own."""

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
        web = settings.web
        machine = known_machine(web.instance_type)
        group_of = network.security_groups.groups
        app_subnets = network.subnets.ids(Tier.APP)

        self._entrance = WebEntrance(
            self,
            "Entrance",
            settings=settings,
            vpc_id=network.vpc.ref,
            subnet_ids=network.subnets.ids(Tier.PUBLIC),
            security_group_id=group_of[Party.LOAD_BALANCER].attr_group_id,
            logs=data.logs,
        )
        self.load_balancer = self._entrance.load_balancer
        self.target_group = self._entrance.target_group
        self.url = self._entrance.url
        Firewall(self, "Firewall", settings=settings, key=data.key, load_balancer_arn=self.load_balancer.ref)
        self._role = WebRole(self, "WebRole", data=data, messaging=messaging)
        self.upload_signer = self._role.signers.upload.role
        self.download_signer = self._role.signers.download.role

        self.cluster = make_cluster(self, "Cluster")
        self._instances = InstanceGroup(
            self,
            "Instances",
            settings=settings,
            name="web",
            party=Party.WEB,
            cluster=self.cluster,
            machine=machine,
            least=web.min_instances,
            most=web.max_instances,
            subnet_ids=app_subnets,
            security_group_id=group_of[Party.WEB].attr_group_id,
            disk_gib=_DISK_GIB,
        )
        self.auto_scaling_group = self._instances.group
        self.task = Task(
            self,
            "Task",
            settings=settings,
            name="web",
            party=Party.WEB,
            place=Place.INSTANCES,
            size=Size(cpu_units=machine.vcpus * 1024, memory_mib=machine.task_mib),
            image=ContainerImage(self, "Image", architecture=machine.architecture, base=settings.container_image.base),
            role=self._role.role,
            key=data.key,
            command=["web"],
            environment={
                **common_environment(settings, data=data, messaging=messaging),
                **web_environment(
                    settings, data=data, url=self.url, host=self._entrance.host, signers=self._role.signers
                ),
            },
            port=listening_port(Party.WEB),
            health_check="web",
            stop_timeout_s=_STOP_TIMEOUT_S,
        )
        self.service = make_web_service(
            self,
            "Service",
            settings=settings,
            cluster=self.cluster,
            capacity=give_capacity(self, "Capacity", cluster=self.cluster, groups=[self._instances]),
            instances=self._instances,
            task=self.task,
            entrance=self._entrance,
            subnet_ids=app_subnets,
            security_group_id=group_of[Party.WEB].attr_group_id,
        )
        WebScaling(self, "Scaling", web=web, cluster=self.cluster, service=self.service, entrance=self._entrance)
        self._say_where_it_is(settings)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for."""
        yield from self._entrance.acknowledgements()
        yield from self._role.acknowledgements()
        yield from self._instances.acknowledgements()
        yield from self.task.acknowledgements()

    def _say_where_it_is(self, settings: Settings) -> None:
        without_tls = "" if settings.web.domain else ": in plain HTTP, because web.domain is not set"
        cdk.CfnOutput(self, "Url", value=self.url, description=f"Where the platform is found{without_tls}")
