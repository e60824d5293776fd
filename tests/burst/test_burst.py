"""The burst function against the emulated AWS, which fails where a test tells it to."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.burst.conftest import Platform

RUN_TASK = "before-call.ecs.RunTask"
LIST_TASKS = "before-call.ecs.ListTasks"
Answer = tuple[Any, dict[str, Any]] | None


class _Http:
    """As much of an HTTP response as botocore looks at."""

    def __init__(self, status: int) -> None:
        self.status_code = status


def _error(code: str, message: str, status: int = 400) -> Answer:
    content = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return _Http(status), content


THROTTLED = _error("ThrottlingException", "Rate exceeded")


def _in_turn(*answers: Answer) -> Callable[..., Answer]:
    """A hook that answers the first requests in AWS's place; None lets one through, as everything after the last."""
    left: Iterator[Answer] = iter(answers)
    return lambda **_: next(left, None)


def _always(answer: Answer) -> Callable[..., Answer]:
    left = repeat(answer)
    return lambda **_: next(left)


def _failing(failures: int, reason: str) -> Callable[..., None]:
    """A hook that turns some tasks of the first answer into failures: they are stopped, and told as not started."""
    left = iter([failures])

    def spoil(parsed: dict[str, Any], **_: object) -> None:
        number = next(left, 0)
        if number:
            parsed["tasks"] = parsed["tasks"][number:]
            parsed["failures"] = [{"reason": reason} for _ in range(number)]

    return spoil


def _metrics(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_task_is_started_for_every_ten_images_waiting(platform: Platform) -> None:
    platform.enqueue(25)
    assert platform.burst() == {"outstanding": 25, "live": 0, "missing": 3, "started": 3}
    assert len(platform.tasks()) == 3


def test_an_empty_queue_starts_nothing(platform: Platform) -> None:
    assert platform.burst() == {"outstanding": 0, "live": 0, "missing": 0, "started": 0}
    assert (platform.tasks(), platform.requests) == ([], [])


def test_images_that_are_being_worked_on_count_like_those_that_wait(platform: Platform) -> None:
    platform.enqueue(25)
    taken = platform.client("sqs").receive_message(QueueUrl=platform.queue_url, MaxNumberOfMessages=10)
    assert len(taken["Messages"]) == 10
    assert platform.burst()["outstanding"] == 25


def test_images_that_the_instances_are_to_work_off_start_nothing(platform: Platform) -> None:
    platform.enqueue(25)
    assert platform.burst(BASE_IMAGES="25")["missing"] == 0
    assert platform.burst(BASE_IMAGES="24")["started"] == 1


def test_a_task_runs_in_private_subnets_without_a_public_address_and_ends_with_the_queue(platform: Platform) -> None:
    platform.enqueue(1)
    platform.burst()
    (request,) = platform.requests
    assert request["networkConfiguration"] == {
        "awsvpcConfiguration": {
            "subnets": ["subnet-a", "subnet-b"],
            "securityGroups": ["sg-workers"],
            "assignPublicIp": "DISABLED",
        }
    }
    (task,) = platform.client("ecs").describe_tasks(cluster="workers", tasks=platform.tasks())["tasks"]
    assert (task["launchType"], task["startedBy"]) == ("FARGATE", "rawmill-test-burst")
    (override,) = task["overrides"]["containerOverrides"]
    assert (override["name"], override["command"]) == ("worker", ["worker", "--until-empty"])


def test_many_tasks_are_asked_for_ten_at_a_time(platform: Platform) -> None:
    platform.enqueue(245)
    assert platform.burst()["started"] == 25
    assert [request["count"] for request in platform.requests] == [10, 10, 5]
    assert len({request["clientToken"] for request in platform.requests}) == 3


@pytest.mark.parametrize("status", ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"])
def test_a_task_that_is_about_to_run_counts_as_much_as_one_that_runs(platform: Platform, status: str) -> None:
    platform.enqueue(25)
    platform.run_tasks(2, status=status)
    assert platform.burst() == {"outstanding": 25, "live": 2, "missing": 1, "started": 1}


def test_a_task_that_is_stopping_or_of_another_kind_does_not_count(platform: Platform) -> None:
    platform.enqueue(25)
    platform.run_tasks(5, family="rawmill-test-worker")
    for task in platform.run_tasks(2):
        platform.client("ecs").stop_task(cluster="workers", task=task)
    assert platform.burst()["live"] == 0
    assert len(platform.tasks()) == 3


def test_tasks_are_counted_over_every_page(platform: Platform) -> None:
    platform.enqueue(1300)
    platform.run_tasks(125)
    assert platform.burst(MAX_TASKS="200") == {"outstanding": 1300, "live": 125, "missing": 5, "started": 5}


def test_the_limit_is_kept_and_reaching_it_is_no_failure(platform: Platform) -> None:
    platform.enqueue(200)
    platform.run_tasks(4)
    assert platform.burst(MAX_TASKS="6")["started"] == 2
    assert platform.burst("2026-11-23T03:11:00Z", MAX_TASKS="6")["missing"] == 0
    assert len(platform.tasks()) == 6


def test_failures_in_a_successful_answer_are_failures(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.enqueue(100)
    capacity = _failing(3, "Capacity is unavailable at this time. Please try again later")
    with pytest.raises(platform.modules["index"].BurstError) as raised:
        platform.burst(hooks={"after-call.ecs.RunTask": capacity})
    assert str(raised.value) == (
        "3 of 10 missing tasks of rawmill-test-burst could not be started for 100 outstanding images: "
        "Capacity is unavailable at this time. Please try again later"
    )
    run, by_reason = _metrics(capsys.readouterr().out)
    assert (run["BurstTasksStarted"], run["BurstTasksMissing"], run["BurstStartsFailed"]) == (7, 3, 3)
    assert (by_reason["Reason"], by_reason["BurstStartsFailed"]) == ("capacity", 3)


def test_failures_by_throttling_are_tried_again_under_a_new_name(platform: Platform) -> None:
    platform.enqueue(100)
    throttled = _failing(4, "ThrottlingException: Rate exceeded")
    assert platform.burst(hooks={"after-call.ecs.RunTask": throttled})["started"] == 10
    assert [request["count"] for request in platform.requests] == [10, 4]
    assert len({request["clientToken"] for request in platform.requests}) == 2
    assert len(platform.time.pauses) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        THROTTLED,
        _error("InvalidParameterException", "Error retrieving subnet information for [subnet-a]: Rate exceeded"),
        _error("ServerException", "Service Unavailable", 503),
    ],
    ids=["throttled", "EC2 throttled behind ECS", "a fault of ECS"],
)
def test_a_refusal_that_passes_is_tried_again_with_growing_pauses(platform: Platform, refusal: Answer) -> None:
    platform.enqueue(25)
    assert platform.burst(hooks={RUN_TASK: _in_turn(refusal, refusal, refusal)})["started"] == 3
    assert len(platform.tasks()) == 3
    bounds = [(0.25, 0.5), (0.5, 1), (1, 2)]
    assert all(low <= pause <= high for pause, (low, high) in zip(platform.time.pauses, bounds, strict=True))


def test_throttling_that_does_not_end_is_reported_within_the_function_s_time(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.enqueue(25)
    with pytest.raises(platform.modules["index"].BurstError, match=r"3 of 3 missing tasks .* ThrottlingException"):
        platform.burst(hooks={RUN_TASK: _always(THROTTLED)}, seconds=20)
    assert 10 < platform.time.now < 20
    run, by_reason = _metrics(capsys.readouterr().out)
    assert (run["BurstTasksStarted"], run["BurstTasksMissing"]) == (0, 3)
    assert (by_reason["Reason"], by_reason["BurstStartsFailed"]) == ("throttled", 3)


def test_throttling_halfway_keeps_what_was_started(platform: Platform) -> None:
    platform.enqueue(245)
    hook = _in_turn(None, *[THROTTLED] * 100)
    with pytest.raises(platform.modules["index"].BurstError, match="15 of 25 missing tasks"):
        platform.burst(hooks={RUN_TASK: hook})
    assert len(platform.tasks()) == 10
    assert platform.burst("2026-11-23T03:11:00Z")["started"] == 15
    assert len(platform.tasks()) == 25


def test_a_refusal_that_does_not_pass_is_not_tried_again(platform: Platform) -> None:
    platform.enqueue(245)
    denied = _error("AccessDeniedException", "User is not authorized to perform: ecs:RunTask")
    with pytest.raises(platform.modules["index"].BurstError, match=r"25 of 25 missing tasks .* not authorized"):
        platform.burst(hooks={RUN_TASK: _always(denied)})
    assert (len(platform.requests), platform.time.pauses) == (1, [])


def test_throttled_listing_is_tried_again(platform: Platform) -> None:
    platform.enqueue(25)
    platform.run_tasks(1)
    assert platform.burst(hooks={LIST_TASKS: _in_turn(THROTTLED, THROTTLED)})["started"] == 2


def test_an_answer_that_was_lost_on_its_way_does_not_start_tasks_twice(platform: Platform) -> None:
    platform.enqueue(25)
    losses = iter([ReadTimeoutError(endpoint_url="https://ecs")])

    def lose(**_: object) -> None:
        for loss in losses:
            raise loss

    assert platform.burst(hooks={"after-call.ecs.RunTask": lose})["started"] == 3
    assert len(platform.requests) == 2
    assert len(platform.tasks()) == 3


def _lists_nothing(**_: object) -> Answer:
    """ECS lists tasks with a delay: a run may not see what was started a moment ago."""
    return _Http(200), {"taskArns": [], "ResponseMetadata": {"HTTPStatusCode": 200}}


def test_an_event_that_is_delivered_again_starts_nothing(platform: Platform) -> None:
    platform.enqueue(245)
    for _ in range(3):
        assert platform.burst("2026-11-23T03:10:07Z", hooks={LIST_TASKS: _lists_nothing})["started"] == 25
    assert len(platform.tasks()) == 25


def test_concurrent_alarms_start_what_one_would_have(platform: Platform) -> None:
    platform.enqueue(245)
    both_have_counted = Barrier(2, timeout=60)

    def run(second: int) -> dict[str, int]:
        first_request = iter([True])

        def meet(**_: object) -> None:
            if next(first_request, False):
                both_have_counted.wait()

        return platform.burst(f"2026-11-23T03:10:{second:02}Z", hooks={RUN_TASK: meet})

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, (1, 2)))
    assert [report["missing"] for report in reports] == [25, 25]
    assert len(platform.tasks()) == 25


def test_concurrent_alarms_that_saw_different_backlogs_start_as_many_as_the_larger_needs(platform: Platform) -> None:
    platform.enqueue(245)
    platform.burst()
    platform.enqueue(24)
    assert platform.burst("2026-11-23T03:10:30Z", hooks={LIST_TASKS: _lists_nothing})["started"] == 27
    assert len(platform.tasks()) == 27
    # And the smaller view, late, adds nothing.
    platform.client("sqs").purge_queue(QueueUrl=platform.queue_url)
    platform.enqueue(105)
    platform.burst("2026-11-23T03:10:40Z", hooks={LIST_TASKS: _lists_nothing})
    assert len(platform.tasks()) == 27


def test_a_second_alarm_of_a_minute_adds_what_came_since(platform: Platform) -> None:
    platform.enqueue(25)
    platform.burst("2026-11-23T03:10:05Z")
    platform.enqueue(100)
    assert platform.burst("2026-11-23T03:10:40Z") == {"outstanding": 125, "live": 3, "missing": 10, "started": 10}
    assert len(platform.tasks()) == 13


def test_metrics_are_written_as_cloudwatch_reads_them(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    platform.enqueue(25)
    platform.run_tasks(1)
    platform.burst()
    (run,) = _metrics(capsys.readouterr().out)
    (directive,) = run["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Rawmill/test", [[]])
    assert {metric["Name"]: (metric["Unit"], run[metric["Name"]]) for metric in directive["Metrics"]} == {
        "OutstandingImages": ("Count", 25),
        "BurstTasksLive": ("Count", 3),
        "BurstTasksStarted": ("Count", 2),
        "BurstTasksMissing": ("Count", 0),
        "BurstStartsFailed": ("Count", 0),
    }


def test_the_handler_reads_its_environment_and_lambda_s_own_clock(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    aws = {
        "AWS_ENDPOINT_URL": platform.endpoint,
        "AWS_ACCESS_KEY_ID": platform.account,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, value in (platform.environment() | aws).items():
        monkeypatch.setenv(name, value)
    platform.enqueue(25)
    # Run by hand, an event has no time.
    assert platform.modules["index"].handler({}, Context())["started"] == 3
    assert len(platform.tasks()) == 3


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CLUSTER", "", "CLUSTER: missing: allowed a value; the function's environment must hold it"),
        ("MAX_TASKS", "0", "MAX_TASKS: value '0': allowed a whole number, at least 1"),
        ("IMAGES_PER_TASK", "ten", "IMAGES_PER_TASK: value 'ten': allowed a whole number, at least 1"),
        ("BASE_IMAGES", "-1", "BASE_IMAGES: value '-1': allowed a whole number, at least 0"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(platform: Platform, name: str, value: str, message: str) -> None:
    settings = platform.modules["settings"]
    with pytest.raises(settings.SettingsError) as raised:
        settings.Settings.read(platform.environment(**{name: value}))
    assert str(raised.value) == message


def test_every_variable_that_is_read_is_in_the_list_that_templates_are_held_against(platform: Platform) -> None:
    settings = platform.modules["settings"]
    environment = platform.environment()
    assert set(settings.VARIABLES) == environment.keys()
    for name in environment:
        with pytest.raises(settings.SettingsError, match=f"^{name}: missing"):
            settings.Settings.read({**environment, name: ""})
