"""The backlog: images that wait or are being worked on, and how many of them there are per worker."""

from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs

_PERIOD_S = 60


@dataclass(frozen=True, kw_only=True)
class Query:
    """One line of metric math: a metric, or an expression over the lines before it."""

    id: str
    label: str
    expression: str | None = None
    namespace: str = ""
    metric: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Metric math over the job queue and the worker service, the same for scaling, alarms and dashboards.

    Attributes:
        queue_name: of the job queue.
        cluster_name, service_name: of the workers on instances, if there are any.
    """

    queue_name: str
    cluster_name: str = ""
    service_name: str = ""

    @classmethod
    def of(cls, queue: sqs.IQueue, cluster: ecs.CfnCluster, service: ecs.CfnService | None) -> "Backlog":
        """The backlog of these constructs."""
        if service is None:
            return cls(queue_name=queue.queue_name)
        return cls(queue_name=queue.queue_name, cluster_name=cluster.ref, service_name=service.attr_name)

    @property
    def outstanding(self) -> list[Query]:
        """Images in the queue, taken by a worker or not."""
        return [
            self._of_queue("visible", "ApproximateNumberOfMessagesVisible", "Waiting"),
            self._of_queue("in_flight", "ApproximateNumberOfMessagesNotVisible", "Being worked on"),
            Query(id="outstanding", label="Outstanding images", expression="visible + in_flight"),
        ]

    @property
    def per_worker(self) -> list[Query]:
        """Outstanding images per worker, or all of them while there is none.

        Workers that have been asked for count from then on: an instance takes minutes to start, and dividing by those
        that run would ask for the same workers again every minute. Workers that finish an image although they have been
        asked to go count until they are gone.
        """
        return [
            *self.outstanding,
            self._of_service("running", "RunningTaskCount", "Running workers"),
            self._of_service("desired", "DesiredTaskCount", "Workers asked for"),
            Query(id="workers", label="Workers", expression="MAX([FILL(running, 0), FILL(desired, 0)])"),
            Query(
                id="backlog",
                label="Backlog per worker",
                expression="IF(workers > 0, outstanding / workers, outstanding)",
            ),
        ]

    @property
    def unattended(self) -> list[Query]:
        """1 while images wait and no worker has been asked for, otherwise 0."""
        return [
            *self.outstanding,
            self._of_service("desired", "DesiredTaskCount", "Workers asked for"),
            Query(
                id="unattended",
                label="Images wait, no worker asked for",
                expression="IF(outstanding > 0 AND FILL(desired, 0) < 1, 1, 0)",
            ),
        ]

    def _of_queue(self, query_id: str, metric: str, label: str) -> Query:
        return Query(
            id=query_id,
            label=label,
            namespace="AWS/SQS",
            metric=metric,
            dimensions=(("QueueName", self.queue_name),),
        )

    def _of_service(self, query_id: str, metric: str, label: str) -> Query:
        return Query(
            id=query_id,
            label=label,
            namespace="ECS/ContainerInsights",
            metric=metric,
            dimensions=(("ClusterName", self.cluster_name), ("ServiceName", self.service_name)),
        )


def alarm_queries(queries: list[Query]) -> list[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    """Queries as an alarm takes them; the last is what it watches."""
    alarm = cloudwatch.CfnAlarm
    return [
        alarm.MetricDataQueryProperty(
            id=query.id,
            label=query.label,
            expression=query.expression,
            metric_stat=None
            if query.expression
            else alarm.MetricStatProperty(
                metric=alarm.MetricProperty(
                    namespace=query.namespace,
                    metric_name=query.metric,
                    dimensions=[alarm.DimensionProperty(name=name, value=value) for name, value in query.dimensions],
                ),
                period=_PERIOD_S,
                stat="Average",
            ),
            return_data=query is queries[-1],
        )
        for query in queries
    ]
