"""Logs and metrics: one line an event, with the ids it belongs to, without anything secret."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from service import logs, metrics, runtime
from service.config import MaintenanceConfig
from tests.service.test_config import COMMON, MAINTENANCE

TOKEN = "rawmill_abcdefghijkl_" + "S3cr3t-_" * 5 + "abc"
LINK = (
    "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAS3cr3t%2F20260101"
    "&X-Amz-Security-Token=S3cr3tS3cr3t&X-Amz-Signature=S3cr3t0123456789abcdef&X-Amz-Expires=3600"
)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Where the lines of this test go."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    config = MaintenanceConfig.from_environment({**COMMON, **MAINTENANCE})
    monkeypatch.setattr(runtime, "_config", config)
    out = io.StringIO()
    logs.configure(config, stream=out)
    yield out
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def lines(stream: io.StringIO) -> Callable[[], list[dict[str, Any]]]:
    """The lines logged so far, read as JSON."""
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_event_level_time_and_every_id_that_is_bound(lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = logs.logger("service.worker")
    with logs.bound(job="j1", tenant="acme"), logs.bound(image="i1", request_id="r1"):
        log.warning("image_given_back", reason="store_failed", attempt=2)
    log.info("idle")
    first, second = lines()
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "message": "image_given_back",
        "level": "warning",
        "logger": "service.worker",
        "job": "j1",
        "tenant": "acme",
        "image": "i1",
        "request_id": "r1",
        "reason": "store_failed",
        "attempt": 2,
        "role": "maintenance",
        "environment": "dev",
    }
    assert {"job", "tenant", "image", "request_id"}.isdisjoint(second)


def test_what_other_libraries_log_has_the_ids_too_and_their_chatter_is_left_out(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    with logs.bound(job="j1"):
        logging.getLogger("gunicorn.error").warning("worker %s was sent %s", 7, "SIGKILL")
        logging.getLogger("botocore.retries").info("retry")
    (line,) = lines()
    assert (line["message"], line["job"], line["logger"]) == ("worker 7 was sent SIGKILL", "j1", "gunicorn.error")


def test_an_exception_is_one_line_with_its_frames(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        raise OSError("no space")  # noqa: TRY301
    except OSError:
        logs.logger("x").exception("archive_failed")
    (line,) = lines()
    assert line["message"] == "archive_failed"
    assert "OSError: no space" in line["exception"]


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info("request", authorization=f"Bearer {TOKEN}"),
        lambda log: log.info("request", headers={"Authorization": TOKEN, "accept": ["*/*", TOKEN]}),
        lambda log: log.info(f"token {TOKEN} refused"),
        lambda log: log.info("link", url=LINK),
        lambda log: log.info("links", urls=[{"url": LINK}]),
        lambda log: log.info("connected", url="postgresql://rawmill:S3cr3t-_@db:5432/rawmill"),
        lambda log: log.info("connected", url="rediss://:S3cr3t-_@redis:6379/0"),
        lambda log: log.info("secret", SecretString='{"password": "S3cr3t"}'),
        lambda log: log.info("credentials", database_password="S3cr3t", lease_token="S3cr3t"),  # noqa: S106
        lambda log: log.info("connection failed: password='S3cr3t' host=db"),
        lambda _log: logging.getLogger("urllib3").warning("GET %s failed", LINK),
        lambda log: _exception(log, f"cannot use {TOKEN} at {LINK}"),
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_logged_whoever_tries(say: Callable[[Any], None], log_format: str) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers[:], structlog.get_config()
    out = io.StringIO()
    logs.configure(
        MaintenanceConfig.from_environment({**COMMON, **MAINTENANCE, "RAWMILL_LOG_FORMAT": log_format}), stream=out
    )
    try:
        say(structlog.stdlib.get_logger("x"))
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
    assert out.getvalue()
    assert "S3cr3t" not in out.getvalue()


def test_what_is_not_secret_stays(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logs.logger("x").info("link", url=LINK, key="uploads/acme/j/i", tokens=3, recipe_digest="abc", waited_s=1.5)
    (line,) = lines()
    assert line["url"].startswith("https://b.s3.amazonaws.com/k?")
    assert line["url"].endswith("X-Amz-Expires=3600")
    assert (line["key"], line["tokens"], line["waited_s"]) == ("uploads/acme/j/i", 3, 1.5)


def test_people_get_readable_lines_without_the_envelope_of_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    config = MaintenanceConfig.from_environment({**COMMON, **MAINTENANCE, "RAWMILL_LOG_FORMAT": "console"})
    monkeypatch.setattr(runtime, "_config", config)
    root = logging.getLogger()
    handlers, before = root.handlers[:], structlog.get_config()
    out = io.StringIO()
    logs.configure(config, stream=out)
    try:
        with logs.bound(image="i1"):
            metrics.image_failed(reason="damaged", waited_s=1.0, took_s=2.0)
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
    line = out.getvalue()
    assert "image_failed" in line
    assert "Reason=damaged" in line
    assert "image=i1" in line
    assert "CloudWatchMetrics" not in line


def test_a_developed_image_is_one_line_whose_metrics_cloudwatch_finds(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    with logs.bound(job="j1"):
        metrics.image_completed(
            waited_s=3.25, took_s=2.0, timings={"decode": 1.25, "store": 0.5, "made_up": 9.0}, attempts=1
        )
    (line,) = lines()
    assert emf(line) == {
        ("ImagesCompleted", "Count", ()): 1,
        ("ImageTime", "Seconds", ()): 2.0,
        ("QueueWait", "Seconds", ()): 3.25,
        ("DecodeTime", "Seconds", ()): 1.25,
        ("StoreTime", "Seconds", ()): 0.5,
    }
    assert (line["job"], line["attempts"]) == ("j1", 1)


def test_failures_are_counted_by_reason_and_together(lines: Callable[[], list[dict[str, Any]]]) -> None:
    metrics.image_failed(reason="truncated", waited_s=None, took_s=0.25)
    (line,) = lines()
    assert emf(line) == {
        ("ImagesFailed", "Count", ()): 1,
        ("ImagesFailed", "Count", ("Reason",)): 1,
        ("ImageTime", "Seconds", ()): 0.25,
    }
    assert line["Reason"] == "truncated"


def test_a_metric_without_its_dimension_is_a_mistake_of_the_caller(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match="Reason"):
        metrics.emit("image_failed", {metrics.IMAGES_FAILED: 1})


def test_every_kind_of_metric_line_names_only_metrics_that_are_documented(
    lines: Callable[[], list[dict[str, Any]]],
) -> None:
    metrics.image_completed(waited_s=1, took_s=1, timings=dict.fromkeys(metrics.STAGE_TIMES, 1.0))
    metrics.image_failed(reason="damaged", waited_s=1, took_s=1)
    metrics.image_retried(reason="store_failed")
    metrics.job_completed(took_s=1, archive_bytes=1)
    metrics.swept("images_sent", 1)
    seen = {name for line in lines() for name, _unit, _dimensions in emf(line)}
    assert seen == {metric.name for metric in metrics.ALL_METRICS}


def emf(line: dict[str, Any]) -> dict[tuple[str, str, tuple[str, ...]], float]:
    """What CloudWatch would extract from a line, by its specification: metric, unit, dimensions."""
    found = {}
    assert isinstance(line["_aws"]["Timestamp"], int)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "Rawmill/dev"
        for dimensions in directive["Dimensions"]:
            assert all(isinstance(line[name], str) for name in dimensions)
            for metric in directive["Metrics"]:
                assert isinstance(line[metric["Name"]], int | float)
                found[metric["Name"], metric["Unit"], tuple(dimensions)] = line[metric["Name"]]
    return found


def _exception(log: Any, words: str) -> None:
    try:
        raise ValueError(words)  # noqa: TRY301
    except ValueError:
        log.exception("refused")
