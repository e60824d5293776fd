"""The Observability stack: who is told of what, and what the dashboard answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.alarms.data import connections_of
from stacks.alarms.model import Alarm, Metric, Missing, Unit
from stacks.settings import environment_names
from tests.stacks.configurations import configurations
from tests.stacks.template import Resource, Template

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
TemplateOf = Callable[[str, str], Template]

UNITS = {
    "RequestCount": "Count",
    "HTTPCode_Target_5XX_Count": "Count",
    "HTTPCode_ELB_5XX_Count": "Count",
    "TargetResponseTime": "Seconds",
    "HealthyHostCount": "Count",
    "UnHealthyHostCount": "Count",
    "ApproximateAgeOfOldestMessage": "Seconds",
    "ApproximateNumberOfMessagesVisible": "Count",
    "RunningTaskCount": "Count",
    "Errors": "Count",
    "Invocations": "Count",
    "BurstTasksLive": "Count",
    "BurstStartsFailed": "Count",
    "TargetErrorCount": "Count",
    "InvocationAttemptCount": "Count",
    "CPUUtilization": "Percent",
    "DatabaseConnections": "Count",
    "FreeStorageSpace": "Bytes",
    "EngineCPUUtilization": "Percent",
    "DatabaseMemoryUsagePercentage": "Percent",
    "Evictions": "Count",
    "IsMaster": "Count",
    "ErrorPortAllocation": "Count",
    "FailedInvocations": "Count",
}
"""Units that AWS publishes each metric in, after its documentation: an alarm in another one never rings."""

PROD_ALARMS = {
    "web-errors",
    "web-errors-balancer",
    "web-latency-p95",
    "web-latency-p99",
    "web-host-unhealthy",
    "web-down",
    "queue-age",
    "queue-retention",
    "dead-letters",
    "backlog-without-worker",
    "burst-starts-failed",
    "burst-errors",
    "burst-silent",
    "sweeper-not-started",
    "sweeper-silent",
    "database-cpu",
    "database-connections",
    "database-storage",
    "session-store-cpu",
    "session-store-memory",
    "session-store-evictions",
    "session-store-failover",
    "nat-ports-a",
    "nat-ports-b",
    "notices-undelivered",
}


@pytest.fixture(params=sorted(configurations()))
def stack(request: pytest.FixtureRequest, template_of: TemplateOf) -> Template:
    """The Observability template of one configuration after the other."""
    return template_of("Observability", request.param)


@pytest.fixture
def prod_stack(template_of: TemplateOf) -> Template:
    return template_of("Observability", "prod")


def _alarms(template: Template) -> dict[str, Resource]:
    """Alarms by their names without project and environment."""
    found = {}
    for alarm in template.all("AWS::CloudWatch::Alarm").values():
        (environment,) = (tag["Value"] for tag in alarm["Tags"] if tag["Key"] == "Environment")
        found[alarm["AlarmName"].removeprefix(f"rawmill-{environment}-")] = alarm
    return found


def _metrics(alarm: Resource) -> Iterator[Resource]:
    """Every metric of an alarm: namespace, name, dimensions, unit."""
    if "MetricName" in alarm:
        yield alarm
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield {**query["MetricStat"]["Metric"], "Unit": query["MetricStat"].get("Unit")}


def _runbook(words: str) -> str:
    place, _, runbook = words.rpartition("docs/runbooks/")
    assert place.endswith(("runbook: ", "runbook ")), f"no runbook at the end of: {words}"
    return runbook


def _imports(value: Any) -> str:
    """What a value comes from in another stack, as text."""
    return json.dumps(value)


def test_production_has_an_alarm_for_everything_that_hurts_a_user(prod_stack: Template) -> None:
    assert _alarms(prod_stack).keys() == PROD_ALARMS


def test_every_alarm_has_unit_silence_topic_and_a_runbook_that_exists(stack: Template) -> None:
    alarms = stack.all("AWS::CloudWatch::Alarm")
    assert alarms
    for alarm in alarms.values():
        name = alarm["AlarmName"]
        assert alarm["TreatMissingData"] in {"breaching", "notBreaching", "ignore"}, name
        assert [_imports(action) for action in alarm["AlarmActions"]] == [_imports(alarm["AlarmActions"][0])]
        assert "AlarmTopic" in _imports(alarm["AlarmActions"]), name
        assert (RUNBOOKS / _runbook(alarm["AlarmDescription"])).exists(), name
        metrics = list(_metrics(alarm))
        assert metrics, name
        for metric in metrics:
            assert metric["Unit"] == UNITS[metric["MetricName"]], f"{name}: {metric['MetricName']}"


def test_people_are_told_when_it_is_over_except_where_nothing_ends(stack: Template) -> None:
    without = {name for name, alarm in _alarms(stack).items() if "OKActions" not in alarm}
    assert without <= {"session-store-failover", "notices-undelivered"}


def test_every_notice_says_in_words_what_happened_and_which_runbook_to_open(stack: Template) -> None:
    rules = stack.all("AWS::Events::Rule").values()
    assert len(rules) == 2
    for rule in rules:
        (target,) = rule["Targets"]
        assert "AlarmTopic" in _imports(target["Arn"])
        words = json.loads(target["InputTransformer"]["InputTemplate"])
        assert "<says>" in words
        assert (RUNBOOKS / _runbook(words)).exists()
        assert target["InputTransformer"]["InputPathsMap"].keys() == {"says", "time"}


def test_a_failover_of_the_database_and_a_sweeper_that_failed_are_noticed(prod_stack: Template) -> None:
    patterns = {
        rule["EventPattern"]["source"][0]: rule["EventPattern"]["detail"]
        for rule in prod_stack.all("AWS::Events::Rule").values()
    }
    assert "failover" in patterns["aws.rds"]["EventCategories"]
    assert "Database" in _imports(patterns["aws.rds"]["SourceIdentifier"])
    assert patterns["aws.ecs"]["group"] == ["family:rawmill-prod-maintenance"]
    assert patterns["aws.ecs"]["$or"] == [
        {"containers": {"exitCode": [{"anything-but": [0]}]}},
        {"stopCode": ["TaskFailedToStart"]},
    ]


def test_a_notice_that_cannot_be_delivered_rings(prod_stack: Template) -> None:
    watched = {_imports(metric["Dimensions"]) for metric in _metrics(_alarms(prod_stack)["notices-undelivered"])}
    rules = prod_stack.all("AWS::Events::Rule")
    assert watched == {_imports([{"Name": "RuleName", "Value": {"Ref": rule}}]) for rule in rules}


@pytest.mark.parametrize("environment", environment_names())
def test_the_budget_tells_topic_and_addresses_before_and_when_it_is_spent(
    template_of: TemplateOf, environment: str
) -> None:
    settings = configurations()[environment].budget
    budget = template_of("Observability", environment).only("AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": settings.monthly_usd, "Unit": "USD"}
    assert (RUNBOOKS / _runbook(budget["Budget"]["BudgetName"])).exists()
    # API reference of Budgets.
    assert not set(":\\") & set(budget["Budget"]["BudgetName"])
    marks = [
        (item["Notification"]["NotificationType"], item["Notification"]["Threshold"])
        for item in budget["NotificationsWithSubscribers"]
    ]
    assert marks == [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    for item in budget["NotificationsWithSubscribers"]:
        topic, *addresses = item["Subscribers"]
        assert "AlarmTopic" in _imports(topic["Address"])
        assert [address["Address"] for address in addresses] == list(settings.alert_emails)


def test_every_runbook_is_opened_by_something(template_of: TemplateOf) -> None:
    opened: set[str] = set()
    for name in environment_names():
        template = template_of("Observability", name)
        opened |= {_runbook(alarm["AlarmDescription"]) for alarm in template.all("AWS::CloudWatch::Alarm").values()}
        for rule in template.all("AWS::Events::Rule").values():
            opened.add(_runbook(json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"])))
        opened.add(_runbook(template.only("AWS::Budgets::Budget")["Budget"]["BudgetName"]))
    # What people decide to do, nothing rings for: other pages lead to it.
    rehearsed = {"bucket-restore.md", "database-restore.md", "rollback.md"}
    assert opened | rehearsed == {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert not opened & rehearsed


def test_each_queue_s_alarm_watches_that_queue(prod_stack: Template) -> None:
    alarms = _alarms(prod_stack)
    for name, queue in (
        ("queue-age", "JobQueue"),
        ("queue-retention", "JobQueue"),
        ("dead-letters", "DeadLetterQueue"),
    ):
        (metric,) = _metrics(alarms[name])
        (dimension,) = metric["Dimensions"]
        assert dimension["Name"] == "QueueName"
        assert queue in _imports(dimension["Value"]), name


def test_a_dead_letter_rings_at_once_and_for_as_long_as_it_lies_there(prod_stack: Template) -> None:
    alarm = _alarms(prod_stack)["dead-letters"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("ApproximateNumberOfMessagesVisible", "Maximum")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["DatapointsToAlarm"] == 1


def test_an_image_that_fails_as_often_as_it_may_does_not_ring_for_age(template_of: TemplateOf) -> None:
    for name, settings in configurations().items():
        alarm = _alarms(template_of("Observability", name))["queue-age"]
        assert alarm["Threshold"] > settings.messaging.max_receive_count * settings.messaging.visibility_timeout_s


@pytest.mark.parametrize(("configuration", "workers"), [("prod", 2), ("staging", 1), ("dev", 1)])
def test_a_backlog_without_workers_counts_every_kind_of_worker(
    template_of: TemplateOf, configuration: str, workers: int
) -> None:
    alarm = _alarms(template_of("Observability", configuration))["backlog-without-worker"]
    names = [metric["MetricName"] for metric in _metrics(alarm)]
    assert names[0] == "ApproximateNumberOfMessagesVisible"
    assert len(names) == 1 + workers


def test_burst_alarms_are_there_where_the_burst_is(template_of: TemplateOf) -> None:
    for name, settings in configurations().items():
        burst = [alarm for alarm in _alarms(template_of("Observability", name)) if alarm.startswith("burst-")]
        assert len(burst) == (3 if settings.workers.max_burst_tasks else 0)


def test_every_nat_gateway_and_every_node_of_the_session_store_is_watched(template_of: TemplateOf) -> None:
    for name, settings in configurations().items():
        alarms = template_of("Observability", name).all("AWS::CloudWatch::Alarm").values()
        watched = [metric for alarm in alarms for metric in _metrics(alarm)]
        gateways = {_imports(metric["Dimensions"]) for metric in watched if metric["Namespace"] == "AWS/NATGateway"}
        assert len(gateways) == len(template_of("Network", name).all("AWS::EC2::NatGateway"))
        nodes = {_imports(metric["Dimensions"]) for metric in watched if metric["MetricName"] == "EngineCPUUtilization"}
        assert len(nodes) == 1 + settings.session_store.replicas


@pytest.mark.parametrize(
    ("instance_class", "memory_gib"),
    [("db.t4g.micro", 1), ("db.t4g.medium", 4), ("db.m7g.large", 8), ("db.m7g.2xlarge", 32), ("db.r6g.xlarge", 32)],
)
def test_connections_follow_the_memory_of_the_database_s_class(instance_class: str, memory_gib: int) -> None:
    # What RDS computes from the memory it leaves to the database, which is less than the class is sold with.
    nominal = memory_gib * 1024**3 / 9_531_392
    assert 0.85 * nominal < connections_of(instance_class) < nominal or connections_of(instance_class) == 5000


def _value(alarm: Resource, **series: float | None) -> float:
    """The value of an alarm's expression when each metric has one number, or none."""

    def fill(value: float | None, other: float) -> float:
        return other if value is None else value

    # Lazily, as metric math does not fail where a quotient that nobody asks for has no divisor.
    (query,) = [query for query in alarm["Metrics"] if "Expression" in query]
    words = query["Expression"]
    functions: dict[str, Any] = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": fill,
        "MAX": max,
        "ABS": abs,
    }
    found: float = eval(words, {"__builtins__": {}}, functions | series)  # noqa: S307
    return found


@pytest.mark.parametrize(
    ("errors", "requests", "rings"),
    [(0, 10_000, False), (4, 4, False), (5, 10_000, False), (99, 10_000, False), (100, 10_000, True), (5, 20, True)],
)
def test_errors_ring_by_their_share_and_not_by_a_handful(
    prod_stack: Template, errors: int, requests: int, rings: bool
) -> None:
    alarm = _alarms(prod_stack)["web-errors"]
    assert (_value(alarm, errors=errors, requests=requests) >= alarm["Threshold"]) is rings


@pytest.mark.parametrize(
    ("waiting", "instances", "burst", "rings"),
    [
        (0, 0, 0, False),
        (3, 0, 0, True),
        (3, None, None, True),
        (3, 1, None, False),
        (3, None, 1, False),
        (0, 2, 1, False),
    ],
)
def test_a_backlog_rings_when_nobody_works_and_somebody_waits(
    prod_stack: Template, waiting: int, instances: int | None, burst: int | None, rings: bool
) -> None:
    alarm = _alarms(prod_stack)["backlog-without-worker"]
    assert (_value(alarm, waiting=waiting, instances=instances, burst=burst) >= alarm["Threshold"]) is rings


def _dashboard(template: Template) -> dict[str, Any]:
    """The dashboard's body, each reference in it replaced by a word."""
    body = template.only("AWS::CloudWatch::Dashboard")["DashboardBody"]
    text = (
        body
        if isinstance(body, str)
        else "".join(part if isinstance(part, str) else "reference" for part in body["Fn::Join"][1])
    )
    content: dict[str, Any] = json.loads(text)
    return content


def test_the_dashboard_asks_its_three_questions_in_order(stack: Template) -> None:
    widgets = _dashboard(stack)["widgets"]
    assert [widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text"] == [
        "## Are users fine?",
        "## Is work flowing?",
        "## What does it cost?",
    ]
    (states,) = [widget for widget in widgets if widget["type"] == "alarm"]
    assert len(states["properties"]["alarms"]) == len(stack.all("AWS::CloudWatch::Alarm"))


def test_the_dashboard_s_widgets_fit_beside_each_other(stack: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in _dashboard(stack)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert widget["x"] + widget["width"] <= 24
        taken |= cells


def test_every_expression_of_the_dashboard_names_metrics_of_its_own_widget(stack: Template) -> None:
    for widget in _dashboard(stack)["widgets"]:
        lines = widget["properties"].get("metrics", [])
        ids = {line[-1]["id"] for line in lines if isinstance(line[-1], dict) and "id" in line[-1]}
        for line in lines:
            if "expression" in line[-1]:
                words = line[-1]["expression"].replace("FILL", "").replace("IF", "")
                used = {word.strip(" ()/*+,>") for word in words.split()} - {""}
                assert {word for word in used if word[:1].isalpha()} <= ids


def _alarm(**changes: Any) -> Alarm:
    metric = Metric(namespace="Any", name="Any", statistic="Sum", unit=Unit.COUNT)
    proper: dict[str, Any] = {
        "name": "any",
        "hurts": "Anything.",
        "runbook": "any",
        "metrics": {"any": metric},
        "unit": Unit.COUNT,
        "threshold": 1,
        "periods": 3,
        "breaches": 2,
        "missing": Missing.FINE,
    }
    return Alarm(**(proper | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Any Alarm"}, "alarm 'Any Alarm': allowed a name in lower case, its words joined by dashes"),
        ({"breaches": 4}, "alarm any: breaches 4: allowed 1 to periods, 3"),
        ({"metrics": {}}, "alarm any: 0 metrics: allowed one, or an expression over them"),
        ({"periods": 1441, "breaches": 1}, "alarm any: looks at more than a day, which CloudWatch does not allow"),
    ],
)
def test_an_alarm_that_could_not_ring_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        _alarm(**changes)


def test_a_message_says_what_hurts_when_it_rings_and_what_to_open() -> None:
    assert (
        _alarm(threshold=5).description == "Anything. At least 5 count in 2 of 3 periods. runbook: docs/runbooks/any.md"
    )
