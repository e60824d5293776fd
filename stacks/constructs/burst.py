"""The burst: a function that starts Fargate workers for a backlog which the standing workers do not master."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.acknowledgements import Acknowledgement
from stacks.constructs.backlog import Backlog, alarm_queries
from stacks.constructs.roles import Permission, ScopedRole, use_key
from stacks.constructs.run_task import run_task
from stacks.constructs.stateful import kept
from stacks.constructs.task import Task
from stacks.constructs.task_environment import metrics_namespace
from stacks.settings import Settings

_FOLDER = Path(__file__).resolve().parents[2] / "lambda" / "burst"
_TIMEOUT_S = 50
"""Less than a minute: the next run starts after this one has ended."""


class Burst(Construct):
    """The function, its role, the alarm on the backlog, and the two rules that start the function.

    The alarm's change of state starts it at once, and a rule every minute for as long as the backlog lasts: a backlog
    that keeps growing changes no state.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        key: kms.IKey,
        queue: sqs.IQueue,
        cluster: ecs.CfnCluster,
        task: Task,
        backlog: Backlog,
        subnet_ids: Sequence[str],
        security_group_id: str,
    ) -> None:
        super().__init__(scope, construct_id)
        workers = settings.workers
        # What the instances master at their most, at the backlog that they are kept at.
        self.base_images = workers.max_instances * workers.backlog_per_worker
        self.records = logs.CfnLogGroup(
            self, "Records", retention_in_days=settings.observability.log_retention_days, kms_key_id=key.key_arn
        )
        self.records.apply_removal_policy(kept(settings))
        self.failures = sqs.Queue(
            self,
            "Failures",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self._role = self._make_role(key, queue, cluster, task)
        code = s3_assets.Asset(self, "Code", path=str(_FOLDER), exclude=["**/__pycache__", "**/*.pyc"])
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            description="Starts Fargate workers for the backlog that is left to them",
            runtime="python3.14",
            architectures=["arm64"],
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
            role=self._role.arn,
            memory_size=256,
            timeout=_TIMEOUT_S,
            # Two at a time would each start what is missing.
            reserved_concurrent_executions=1,
            dead_letter_config=lambda_.CfnFunction.DeadLetterConfigProperty(target_arn=self.failures.queue_arn),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=self.records.ref),
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={
                    "CLUSTER": cluster.attr_arn,
                    "TASK_DEFINITION": task.definition.ref,
                    "CONTAINER": task.container_name,
                    "SUBNETS": cdk.Fn.join(",", list(subnet_ids)),
                    "SECURITY_GROUP": security_group_id,
                    "QUEUE_URL": queue.queue_url,
                    "MAX_TASKS": str(workers.max_burst_tasks),
                    "IMAGES_PER_TASK": str(workers.backlog_per_worker),
                    "BASE_IMAGES": str(self.base_images),
                    "STARTED_BY": f"rawmill-{settings.name}-burst",
                    "METRICS_NAMESPACE": metrics_namespace(settings),
                }
            ),
            kms_key_arn=key.key_arn,
        )
        self.function.add_resource_dependency(self._role.policy)
        lambda_.CfnEventInvokeConfig(
            self,
            "Invocation",
            function_name=self.function.ref,
            qualifier="$LATEST",
            # A run that comes late does nothing that the next one would not do.
            maximum_event_age_in_seconds=120,
            maximum_retry_attempts=1,
        )
        self.alarm = cloudwatch.CfnAlarm(
            self,
            "Backlog",
            alarm_description="More images are outstanding than the instances master: Fargate workers are started",
            metrics=alarm_queries(backlog.outstanding),
            comparison_operator="GreaterThanThreshold",
            threshold=self.base_images,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",
        )
        self._start_when()

    def acknowledgements(self) -> Iterator[Acknowledgement]:
        """Findings that do not fit a function which calls AWS only."""
        yield from self._role.acknowledgements()
        for pack in ("NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321"):
            yield Acknowledgement(
                resource=self.function,
                rule=f"{pack}-LambdaInsideVPC",
                reason="ACCEPTED: calls only AWS's public APIs, and neither reads nor writes data of the platform",
            )
        for pack in ("NIST.800.53.R5", "HIPAA.Security"):
            yield Acknowledgement(
                resource=self.alarm,
                rule=f"{pack}-CloudWatchAlarmAction",
                reason="ACCEPTED: its change of state is an event, which a rule hands to the function",
            )

    def _make_role(self, key: kms.IKey, queue: sqs.IQueue, cluster: ecs.CfnCluster, task: Task) -> ScopedRole:
        stack = cdk.Stack.of(self)
        return ScopedRole(
            self,
            "BurstRole",
            description="The burst function",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            permissions=[
                Permission(sid="ReadBacklog", actions=["sqs:GetQueueAttributes"], resources=[queue.queue_arn]),
                Permission(
                    sid="CountTasks",
                    actions=["ecs:ListTasks"],
                    resources=["*"],
                    conditions={"ArnEquals": {"ecs:cluster": cluster.attr_arn}},
                    because="ECS knows no resource to name for a list of tasks; the condition asks for one cluster",
                ),
                *run_task(task, cluster=cluster),
                Permission(
                    sid="WriteLog",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[self.records.attr_arn],
                ),
                Permission(sid="KeepFailures", actions=["sqs:SendMessage"], resources=[self.failures.queue_arn]),
                use_key(key, stack=stack, through=["lambda", "sqs"]),
            ],
        )

    def _start_when(self) -> None:
        """Both rules tell the function when their event was, which it names its requests after."""
        alarm_arn = self.alarm.attr_arn
        for name, description, pattern, schedule in (
            (
                "OnAlarm",
                "The backlog's alarm went off",
                {
                    "source": ["aws.cloudwatch"],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "resources": [alarm_arn],
                    "detail": {"state": {"value": ["ALARM"]}},
                },
                None,
            ),
            ("EveryMinute", "The backlog may have grown", None, "rate(1 minute)"),
        ):
            rule = events.CfnRule(
                self,
                name,
                description=description,
                event_pattern=pattern,
                schedule_expression=schedule,
                state="ENABLED",
                targets=[
                    events.CfnRule.TargetProperty(
                        id="Burst",
                        arn=self.function.attr_arn,
                        retry_policy=events.CfnRule.RetryPolicyProperty(
                            maximum_event_age_in_seconds=120, maximum_retry_attempts=2
                        ),
                    )
                ],
            )
            lambda_.CfnPermission(
                self,
                f"{name}Permission",
                action="lambda:InvokeFunction",
                function_name=self.function.attr_arn,
                principal="events.amazonaws.com",
                source_arn=rule.attr_arn,
            )
