"""Alarms of the work: queue, workers, burst, sweeper."""

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.alarms.model import Alarm, Comparison, Metric, Missing, Unit
from stacks.settings import Settings

_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class WorkMetrics:
    """Metrics of the queues and of whatever works them off.

    Attributes:
        queue: name of the job queue.
        worker_service: cluster and service of the workers on instances; None without any.
        burst_function: name of the function that starts Fargate workers; None without it.
        sweeper_schedules: name of the schedule group that the sweeper's schedule is alone in.
        platform_namespace: where the platform's own metrics go.
    """

    queue: str
    dead_letter_queue: str
    worker_service: tuple[str, str] | None
    burst_function: str | None
    sweeper_schedules: str
    platform_namespace: str

    @property
    def waiting(self) -> Metric:
        """Images that nobody works on."""
        return self._of_queue("ApproximateNumberOfMessagesVisible", "Maximum")

    @property
    def in_work(self) -> Metric:
        """Images that a worker has taken."""
        return self._of_queue("ApproximateNumberOfMessagesNotVisible", "Maximum")

    @property
    def age(self) -> Metric:
        """How long the image that has waited longest has waited."""
        return self._of_queue("ApproximateAgeOfOldestMessage", "Maximum", unit=Unit.SECONDS)

    @property
    def finished(self) -> Metric:
        """Messages that were done with."""
        return self._of_queue("NumberOfMessagesDeleted", "Sum")

    @property
    def dead_letters(self) -> Metric:
        """Messages that nobody could work off."""
        return self._sqs(self.dead_letter_queue, "ApproximateNumberOfMessagesVisible", "Maximum", Unit.COUNT)

    @property
    def workers(self) -> dict[str, Metric]:
        """Live workers, by what they run on: `instances`, `burst`."""
        live: dict[str, Metric] = {}
        if self.worker_service:
            cluster, service = self.worker_service
            live["instances"] = Metric(
                namespace="ECS/ContainerInsights",
                name="RunningTaskCount",
                dimensions={"ClusterName": cluster, "ServiceName": service},
                statistic="Maximum",
                unit=Unit.COUNT,
            )
        if self.burst_function:
            live["burst"] = self.platform("BurstTasksLive", "Maximum")
        return live

    def platform(self, name: str, statistic: str) -> Metric:
        """A metric that the platform publishes itself, over everything."""
        return Metric(namespace=self.platform_namespace, name=name, statistic=statistic, unit=Unit.COUNT)

    def _of_queue(self, name: str, statistic: str, *, unit: Unit = Unit.COUNT) -> Metric:
        return self._sqs(self.queue, name, statistic, unit)

    @staticmethod
    def _sqs(queue: str, name: str, statistic: str, unit: Unit) -> Metric:
        return Metric(namespace="AWS/SQS", name=name, dimensions={"QueueName": queue}, statistic=statistic, unit=unit)


def work_alarms(metrics: WorkMetrics, settings: Settings) -> Iterator[Alarm]:
    """What a customer who waits for pictures would notice."""
    yield from _queue_alarms(metrics, settings)
    yield Alarm(
        name="backlog-without-worker",
        hurts="Nothing is being developed: images wait and no worker runs.",
        runbook="no-worker",
        metrics={"waiting": metrics.waiting, **metrics.workers},
        # A number of workers that nobody publishes is none.
        expression=f"IF({' + '.join(f'FILL({name}, 0)' for name in metrics.workers)} < 1, waiting, 0)",
        unit=Unit.COUNT,
        threshold=1,
        # An instance takes a few minutes from none to the first worker.
        periods=10,
        breaches=10,
        missing=Missing.FINE,
    )
    if metrics.burst_function:
        yield from _burst_alarms(metrics, metrics.burst_function)
    yield from _sweeper_alarms(metrics.sweeper_schedules)


def _queue_alarms(metrics: WorkMetrics, settings: Settings) -> Iterator[Alarm]:
    messaging = settings.messaging
    # An image that fails as often as it may, and takes all its time each time, is not older than this.
    slowest_s = (messaging.max_receive_count + 1) * messaging.visibility_timeout_s
    yield Alarm(
        name="queue-age",
        hurts="Customers wait too long: the oldest image has been in the queue for longer than any failing one stays.",
        runbook="queue-age",
        metrics={"age": metrics.age},
        unit=Unit.SECONDS,
        threshold=slowest_s,
        periods=5,
        breaches=5,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="queue-retention",
        hurts=f"Images are about to be lost: SQS deletes what is older than {messaging.retention_days} days.",
        runbook="queue-age",
        metrics={"age": metrics.age},
        unit=Unit.SECONDS,
        threshold=messaging.retention_days * _DAY_S / 2,
        periods=5,
        breaches=3,
        missing=Missing.NO_NEWS,
    )
    yield Alarm(
        name="dead-letters",
        hurts="Images have failed for good: each is a picture that a customer does not get.",
        runbook="dead-letters",
        # What lies there, not what was sent there: SQS counts no message as sent that it moves there itself.
        metrics={"dead": metrics.dead_letters},
        unit=Unit.COUNT,
        threshold=1,
        periods=1,
        breaches=1,
        missing=Missing.NO_NEWS,
    )


def _burst_alarms(metrics: WorkMetrics, function: str) -> Iterator[Alarm]:
    def of_function(name: str) -> Metric:
        dimensions = {"FunctionName": function}
        return Metric(namespace="AWS/Lambda", name=name, dimensions=dimensions, statistic="Sum", unit=Unit.COUNT)

    yield Alarm(
        name="burst-starts-failed",
        hurts="The peak takes longer: AWS refuses Fargate workers that there is work for.",
        runbook="burst",
        metrics={"failed": metrics.platform("BurstStartsFailed", "Sum")},
        unit=Unit.COUNT,
        threshold=1,
        # It tries again every minute.
        periods=5,
        breaches=5,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="burst-errors",
        hurts="The peak takes longer: the function that starts Fargate workers fails.",
        runbook="burst",
        metrics={"errors": of_function("Errors")},
        unit=Unit.COUNT,
        threshold=1,
        periods=5,
        breaches=5,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="burst-silent",
        hurts="The next peak will take longer: the function that starts Fargate workers is not being run.",
        runbook="burst",
        metrics={"runs": of_function("Invocations")},
        unit=Unit.COUNT,
        threshold=1,
        comparison=Comparison.BELOW,
        # It is run every minute.
        periods=10,
        breaches=10,
        missing=Missing.BAD,
    )


def _sweeper_alarms(schedules: str) -> Iterator[Alarm]:
    def of_schedules(name: str) -> Metric:
        return Metric(
            namespace="AWS/Scheduler",
            name=name,
            dimensions={"ScheduleGroup": schedules},
            statistic="Sum",
            unit=Unit.COUNT,
            period_s=300,
        )

    yield Alarm(
        name="sweeper-not-started",
        hurts="Images may wait for ever: the sweeper, which sends what was never sent, cannot be started.",
        runbook="sweeper",
        metrics={"errors": of_schedules("TargetErrorCount")},
        unit=Unit.COUNT,
        threshold=1,
        # It is started every five minutes, and one run that is left out is made up for by the next.
        periods=3,
        breaches=3,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="sweeper-silent",
        hurts="Images may wait for ever: the sweeper, which sends what was never sent, is not being started.",
        runbook="sweeper",
        metrics={"attempts": of_schedules("InvocationAttemptCount")},
        unit=Unit.COUNT,
        threshold=1,
        comparison=Comparison.BELOW,
        periods=6,
        breaches=6,
        missing=Missing.BAD,
    )
