"""Alarms of the entrance: load balancer and web tasks."""

from collections.abc import Iterator

from stacks.alarms.model import Alarm, Comparison, Metric, Missing, Unit

_NAMESPACE = "AWS/ApplicationELB"


class WebMetrics:
    """Metrics of one load balancer and its one target group, both by their full names."""

    def __init__(self, *, load_balancer: str, target_group: str) -> None:
        self._of_balancer = {"LoadBalancer": load_balancer}
        self._of_targets = {"LoadBalancer": load_balancer, "TargetGroup": target_group}

    @property
    def requests(self) -> Metric:
        """Requests that found a web task."""
        return self._metric("RequestCount", "Sum")

    @property
    def application_errors(self) -> Metric:
        """Answers 5xx of web tasks."""
        return self._metric("HTTPCode_Target_5XX_Count", "Sum")

    @property
    def balancer_errors(self) -> Metric:
        """Answers 5xx of the load balancer itself: nobody to ask, or no answer."""
        return self._metric("HTTPCode_ELB_5XX_Count", "Sum", of_targets=False)

    def latency(self, statistic: str) -> Metric:
        """Time until a web task answers."""
        return self._metric("TargetResponseTime", statistic, unit=Unit.SECONDS)

    @property
    def healthy(self) -> Metric:
        """Web tasks that pass the health check, in the eyes of the load balancer's best informed node."""
        return self._metric("HealthyHostCount", "Maximum")

    @property
    def unhealthy(self) -> Metric:
        """Web tasks that do not."""
        return self._metric("UnHealthyHostCount", "Maximum")

    def _metric(self, name: str, statistic: str, *, unit: Unit = Unit.COUNT, of_targets: bool = True) -> Metric:
        dimensions = self._of_targets if of_targets else self._of_balancer
        return Metric(namespace=_NAMESPACE, name=name, dimensions=dimensions, statistic=statistic, unit=unit)


def web_alarms(metrics: WebMetrics) -> Iterator[Alarm]:
    """What a caller of the API or the console would notice."""
    yield Alarm(
        name="web-errors",
        hurts="Requests fail: the application answers with errors (5xx).",
        runbook="web-errors",
        metrics={"errors": metrics.application_errors, "requests": metrics.requests},
        # A share, because five errors among ten thousand requests wake nobody; and five, because one among three does
        # not either.
        expression="IF(errors >= 5, 100 * errors / requests, 0)",
        unit=Unit.PERCENT,
        threshold=1,
        periods=5,
        breaches=3,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="web-errors-balancer",
        hurts="Requests fail before they reach the application: the load balancer answers with errors (5xx).",
        runbook="web-errors",
        # No share here: requests that find no task are not counted as requests.
        metrics={"errors": metrics.balancer_errors},
        unit=Unit.COUNT,
        threshold=5,
        periods=5,
        breaches=3,
        missing=Missing.FINE,
    )
    for percentile, seconds, periods in (("p95", 1.0, 10), ("p99", 3.0, 15)):
        yield Alarm(
            name=f"web-latency-{percentile}",
            hurts=f"The API is slow: {100 - int(percentile[1:])} of 100 requests wait longer than {seconds:g} s.",
            runbook="web-latency",
            metrics={"latency": metrics.latency(percentile)},
            unit=Unit.SECONDS,
            threshold=seconds,
            periods=periods,
            breaches=5,
            missing=Missing.FINE,
        )
    yield Alarm(
        name="web-host-unhealthy",
        hurts="A web task fails its health check and is not being replaced: the others carry its load.",
        runbook="web-hosts",
        metrics={"unhealthy": metrics.unhealthy},
        unit=Unit.COUNT,
        threshold=1,
        periods=5,
        breaches=5,
        missing=Missing.FINE,
    )
    yield Alarm(
        name="web-down",
        hurts="The platform is down: no web task passes its health check.",
        runbook="web-hosts",
        metrics={"healthy": metrics.healthy},
        unit=Unit.COUNT,
        threshold=1,
        comparison=Comparison.BELOW,
        periods=2,
        breaches=2,
        missing=Missing.BAD,
    )
