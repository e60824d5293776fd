"""The Observability stack: who is told when users are hurt, and where to look first."""

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.alarms.data import DatabaseMetrics, SessionStoreMetrics, database_alarms, session_store_alarms
from stacks.alarms.model import Alarm
from stacks.alarms.network import network_alarms
from stacks.alarms.notices import Notice, database_notices, delivery_alarm, maintenance_notices
from stacks.alarms.web import WebMetrics, web_alarms
from stacks.alarms.work import WorkMetrics, work_alarms
from stacks.base import PlatformStack
from stacks.constructs.alarm_set import AlarmSet
from stacks.constructs.dashboard import Dashboard
from stacks.constructs.notice_set import NoticeSet
from stacks.constructs.spending import Spending
from stacks.constructs.task_environment import metrics_namespace
from stacks.data import DataStack
from stacks.messaging import MessagingStack
from stacks.network import NetworkStack
from stacks.settings import Settings
from stacks.traffic import Tier
from stacks.web import WebStack
from stacks.workers import WorkersStack


class ObservabilityStack(PlatformStack):
    """Alarms, notices, dashboard, budget, and the names that the commands of the runbooks use.

    Attributes:
        alarms: every alarm by its name.
        notices: every notice by its name.
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
        web: WebStack,
        workers: WorkersStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings)
        topic_arn = messaging.alarm_topic.topic_arn
        gateways = {letter: gateway.ref for letter, gateway in network.subnets.nat_gateways.items()}
        of_web = WebMetrics(
            load_balancer=web.load_balancer.attr_load_balancer_full_name,
            target_group=web.target_group.attr_target_group_full_name,
        )
        of_work = WorkMetrics(
            queue=messaging.queue.queue_name,
            dead_letter_queue=messaging.dead_letter_queue.queue_name,
            worker_service=(workers.cluster.ref, workers.service.attr_name) if workers.service else None,
            burst_function=workers.burst_function.ref if workers.burst_function else None,
            sweeper_schedules=workers.sweeper.group.ref,
            platform_namespace=metrics_namespace(settings),
        )
        of_database = DatabaseMetrics(identifier=data.database.instance_identifier)
        of_store = SessionStoreMetrics(
            group=data.session_store.replication_group_id, nodes=1 + settings.session_store.replicas
        )
        self.notices: dict[str, Notice] = {
            notice.name: notice
            for notice in (
                *database_notices(data.database.instance_identifier),
                *maintenance_notices(cluster_arn=workers.cluster.attr_arn, family=workers.maintenance_task.family),
            )
        }
        rules = NoticeSet(
            self, "Notices", settings=settings, notices=self.notices.values(), topic_arn=topic_arn
        ).resources
        self.alarms: dict[str, Alarm] = {
            alarm.name: alarm
            for alarm in (
                *web_alarms(of_web),
                *work_alarms(of_work, settings),
                *database_alarms(of_database, settings.database),
                *session_store_alarms(of_store, settings.session_store),
                *network_alarms(gateways),
                delivery_alarm({name: rule.ref for name, rule in rules.items()}),
            )
        }
        made = AlarmSet(self, "Alarms", settings=settings, alarms=self.alarms.values(), topic_arn=topic_arn).resources
        Dashboard(
            self,
            "Overview",
            settings=settings,
            alarms=self.alarms,
            alarm_arns=[alarm.attr_arn for alarm in made.values()],
            web=of_web,
            work=of_work,
            database=of_database,
            session_store=of_store,
            gateways=gateways,
        )
        Spending(self, "Spending", settings=settings, topic_arn=topic_arn)
        self._name_things(settings, network=network, data=data, messaging=messaging, web=web, workers=workers)

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """What the compliance packs find here and the design asks for: nothing."""
        return iter(())

    def _name_things(
        self,
        settings: Settings,
        *,
        network: NetworkStack,
        data: DataStack,
        messaging: MessagingStack,
        web: WebStack,
        workers: WorkersStack,
    ) -> None:
        """What `docs/runbooks/names.sh` reads into a shell, one per line, so that no runbook has to look up a name."""
        names = {
            "Url": web.url,
            "LoadBalancerArn": web.load_balancer.ref,
            "TargetGroupArn": web.target_group.ref,
            "WebCluster": web.cluster.ref,
            "WebService": web.service.attr_name,
            "WebLog": web.task.records.ref,
            "WorkerCluster": workers.cluster.ref,
            # By its family, which means the latest revision. A name that changed with every deployment could not change
            # at all: what another stack uses is kept as it is.
            "MaintenanceTask": workers.maintenance_task.family,
            "MaintenanceContainer": workers.maintenance_task.container_name,
            "MaintenanceLog": workers.maintenance_task.records.ref,
            "WorkerSubnets": cdk.Fn.join(",", network.subnets.ids(Tier.APP)),
            "WorkerSecurityGroup": workers.security_group_id,
            "SweeperSchedules": workers.sweeper.group.ref,
            "JobQueueUrl": messaging.queue.queue_url,
            "DeadLetterQueueUrl": messaging.dead_letter_queue.queue_url,
            "AlarmTopicArn": messaging.alarm_topic.topic_arn,
            "FlowLog": network.flow_logs.records.ref,
            "Database": data.database.instance_identifier,
            "SessionStore": data.session_store.replication_group_id,
        }
        if workers.service and workers.worker_task and workers.auto_scaling_group:
            names |= {
                "WorkerService": workers.service.attr_name,
                "WorkerLog": workers.worker_task.records.ref,
                "WorkerInstances": workers.auto_scaling_group.ref,
            }
        if workers.burst_function and workers.burst_task and workers.burst_records:
            names |= {
                "BurstFunction": workers.burst_function.ref,
                "BurstFamily": workers.burst_task.family,
                "BurstTaskLog": workers.burst_task.records.ref,
                "BurstLog": workers.burst_records.ref,
            }
        lines = cdk.Fn.join("\n", [f"{name} {value}" for name, value in names.items()])
        ssm.CfnParameter(
            self,
            "Names",
            name=f"/rawmill/{settings.name}/names",
            type="String",
            value=lines,
            description="Names of resources, for docs/runbooks/names.sh",
        )
