"""The dashboard: are users fine, is work flowing, what does it cost?"""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.alarms.data import DatabaseMetrics, SessionStoreMetrics
from stacks.alarms.model import Alarm, Metric, Unit
from stacks.alarms.network import nat_metric
from stacks.alarms.web import WebMetrics
from stacks.alarms.work import WorkMetrics
from stacks.settings import Settings

_COLUMNS = 24
_HOURS_PER_MONTH = 730
_GIB = 1024**3
Line = tuple[str, Metric]
Widget = dict[str, Any]


class Dashboard(Construct):
    """Three questions from top to bottom, each with the few graphs that answer it, and every alarm's state above them.

    The thresholds of alarms are drawn into the graphs, so that a graph says how far things are from somebody's being
    woken.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        alarms: Mapping[str, Alarm],
        alarm_arns: Sequence[str],
        web: WebMetrics,
        work: WorkMetrics,
        database: DatabaseMetrics,
        session_store: SessionStoreMetrics,
        gateways: Mapping[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._alarms = alarms
        rows = [
            [_states(alarm_arns)],
            [_heading("Are users fine?")],
            self._users(web),
            [_heading("Is work flowing?")],
            self._work(work),
            self._stores(database, session_store),
            [_heading("What does it cost?")],
            self._cost(work, gateways),
        ]
        stack = cdk.Stack.of(self)
        self.dashboard = cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=f"rawmill-{settings.name}",
            dashboard_body=stack.to_json_string({"start": "-PT6H", "widgets": _laid_out(rows)}),
        )

    def _users(self, web: WebMetrics) -> list[Widget]:
        return [
            self._graph(
                "Requests and errors per minute",
                [
                    ("Requests", web.requests),
                    ("Errors of the application", web.application_errors),
                    ("Errors of the load balancer", web.balancer_errors),
                ],
                marks=["web-errors-balancer"],
            ),
            self._graph(
                "Time to answer (seconds)",
                [(statistic, web.latency(statistic)) for statistic in ("p50", "p95", "p99")],
                marks=["web-latency-p95", "web-latency-p99"],
            ),
            self._graph("Web tasks", [("Healthy", web.healthy), ("Unhealthy", web.unhealthy)], marks=["web-down"]),
        ]

    def _work(self, work: WorkMetrics) -> list[Widget]:
        workers = {"instances": "Workers on instances", "burst": "Workers on Fargate"}
        return [
            self._graph(
                "Images outstanding", [("Waiting", work.waiting), ("Being worked on", work.in_work)], area=True
            ),
            self._graph("Age of the oldest image (seconds)", [("Oldest", work.age)], marks=["queue-age"]),
            self._graph("Workers", [(workers[name], metric) for name, metric in work.workers.items()], area=True),
            self._graph(
                "Images finished per minute, and dead letters",
                [("Finished", work.finished), ("Dead letters", work.dead_letters)],
                marks=["dead-letters"],
            ),
        ]

    def _stores(self, database: DatabaseMetrics, session_store: SessionStoreMetrics) -> list[Widget]:
        memory = session_store.metrics("DatabaseMemoryUsagePercentage", "Average", Unit.PERCENT)
        return [
            self._graph(
                "Database: processor (percent)",
                [("Processor", database.metric("CPUUtilization", "Average", Unit.PERCENT))],
                marks=["database-cpu"],
            ),
            self._graph(
                "Database: connections",
                [("Connections", database.metric("DatabaseConnections", "Maximum", Unit.COUNT))],
                marks=["database-connections"],
            ),
            self._graph(
                "Database: free storage (bytes)",
                [("Free", database.metric("FreeStorageSpace", "Minimum", Unit.BYTES))],
                marks=["database-storage"],
            ),
            self._graph(
                "Session store: memory (percent)",
                [(f"Node {number}", metric) for number, metric in enumerate(memory.values(), start=1)],
                marks=["session-store-memory"],
            ),
        ]

    def _cost(self, work: WorkMetrics, gateways: Mapping[str, str]) -> list[Widget]:
        budget = self._settings.budget
        prices = {"instances": budget.worker_instance_usd_per_hour, "burst": budget.burst_task_usd_per_hour}
        hourly = " + ".join(f"FILL({name}, 0) * {prices[name]:g}" for name in work.workers)
        month = Metric(
            # Billing publishes in this region alone, a few times a day, once the account has asked for it.
            namespace="AWS/Billing",
            name="EstimatedCharges",
            dimensions={"Currency": "USD"},
            statistic="Maximum",
            unit=Unit.COUNT,
            period_s=21_600,
        )
        return [
            _widget(
                "Workers: USD per hour, at the prices of the settings",
                [*_hidden(work.workers), [{"expression": hourly, "label": "USD per hour", "id": "hourly"}]],
                region=self._settings.region,
                marks=[(budget.monthly_usd / _HOURS_PER_MONTH, "the whole budget, spread over the month")],
            ),
            _widget(
                "Workers: USD per 1000 images",
                [
                    *_hidden({**work.workers, "finished": work.finished}),
                    [
                        {
                            "expression": f"IF(finished > 0, 1000 * ({hourly}) / 60 / finished)",
                            "label": "USD per 1000 images",
                            "id": "each",
                        }
                    ],
                ],
                region=self._settings.region,
            ),
            _widget(
                "NAT gateways: GiB per day",
                [
                    *_hidden(
                        {
                            f"nat_{letter}": nat_metric(
                                gateway, "BytesOutToDestination", unit=Unit.BYTES, period_s=86_400
                            )
                            for letter, gateway in gateways.items()
                        }
                    ),
                    *(
                        [{"expression": f"nat_{letter} / {_GIB}", "label": f"Zone {letter}", "id": f"gib_{letter}"}]
                        for letter in gateways
                    ),
                ],
                region=self._settings.region,
            ),
            _widget(
                "This month so far (USD; needs billing alerts switched on in the account)",
                [_line("Account", month)],
                region="us-east-1",
                marks=[(budget.monthly_usd, "budget")],
            ),
        ]

    def _graph(self, title: str, lines: Sequence[Line], *, marks: Sequence[str] = (), area: bool = False) -> Widget:
        return _widget(
            title,
            [_line(label, metric) for label, metric in lines],
            region=self._settings.region,
            marks=[(self._alarms[name].threshold, name) for name in marks],
            area=area,
        )


def _line(label: str, metric: Metric, **more: object) -> list[Any]:
    dimensions = [part for dimension in metric.dimensions.items() for part in dimension]
    look = {"label": label, "stat": metric.statistic, "period": metric.period_s, **more}
    return [metric.namespace, metric.name, *dimensions, look]


def _hidden(metrics: Mapping[str, Metric]) -> list[list[Any]]:
    """Metrics that an expression of the same widget uses."""
    return [_line(name, metric, id=name, visible=False) for name, metric in metrics.items()]


def _widget(
    title: str,
    metrics: Sequence[Sequence[Any]],
    *,
    region: str,
    marks: Sequence[tuple[float, str]] = (),
    area: bool = False,
) -> Widget:
    properties: dict[str, Any] = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": area,
        "metrics": list(metrics),
        "yAxis": {"left": {"min": 0, "showUnits": False}},
    }
    if marks:
        properties["annotations"] = {"horizontal": [{"value": value, "label": label} for value, label in marks]}
    return {"type": "metric", "height": 6, "properties": properties}


def _heading(words: str) -> Widget:
    return {"type": "text", "height": 1, "properties": {"markdown": f"## {words}"}}


def _states(alarm_arns: Sequence[str]) -> Widget:
    return {"type": "alarm", "height": 4, "properties": {"title": "Alarms", "alarms": list(alarm_arns)}}


def _laid_out(rows: Sequence[Sequence[Widget]]) -> list[Widget]:
    """Widgets with their places: those of a row side by side, as wide as each other."""
    placed: list[Widget] = []
    y = 0
    for row in rows:
        width = _COLUMNS // len(row)
        for position, widget in enumerate(row):
            placed.append({**widget, "x": position * width, "y": y, "width": width})
        y += max(widget["height"] for widget in row)
    return placed
