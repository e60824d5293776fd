"""Metrics: log lines in CloudWatch's embedded metric format, so that no call to CloudWatch is ever made.

A line is an ordinary log event with the numbers as fields, and `_aws` says which of them are metrics. CloudWatch Logs
extracts them by itself. Every line has the dimensions of its metrics as fields; the environment is the namespace's.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from processor.errors import Stage
from service import runtime
from service.logs import logger

_log = logger("metrics")


class Unit(StrEnum):
    """CloudWatch's units."""

    COUNT = "Count"
    SECONDS = "Seconds"
    BYTES = "Bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric that exists. `dimensions` are the fields that it is split by, one time series a value."""

    name: str
    unit: Unit
    meaning: str
    dimensions: tuple[str, ...] = ()


QUEUE_WAIT = Metric(name="QueueWait", unit=Unit.SECONDS, meaning="from the message sent to the image claimed")
IMAGE_TIME = Metric(name="ImageTime", unit=Unit.SECONDS, meaning="from claimed to settled, one image")
STAGE_TIMES: Mapping[str, Metric] = {
    stage.value: Metric(name=f"{stage.capitalize()}Time", unit=Unit.SECONDS, meaning=f"one image's stage `{stage}`")
    for stage in Stage
}
IMAGES_COMPLETED = Metric(name="ImagesCompleted", unit=Unit.COUNT, meaning="images whose renditions are stored")
IMAGES_FAILED = Metric(
    name="ImagesFailed", unit=Unit.COUNT, meaning="images that failed for good", dimensions=("Reason",)
)
IMAGES_RETRIED = Metric(
    name="ImagesRetried", unit=Unit.COUNT, meaning="images given back for another try", dimensions=("Reason",)
)
JOB_TIME = Metric(name="JobTime", unit=Unit.SECONDS, meaning="from the job posted to its archive written")
ARCHIVE_BYTES = Metric(name="ArchiveBytes", unit=Unit.BYTES, meaning="size of an archive")
SWEPT = Metric(name="Swept", unit=Unit.COUNT, meaning="what the sweeper had to mend", dimensions=("Step",))
ALL_METRICS = (
    QUEUE_WAIT,
    IMAGE_TIME,
    *STAGE_TIMES.values(),
    IMAGES_COMPLETED,
    IMAGES_FAILED,
    IMAGES_RETRIED,
    JOB_TIME,
    ARCHIVE_BYTES,
    SWEPT,
)


def emit(
    event: str, values: Mapping[Metric, float], *, dimensions: Mapping[str, str] | None = None, **fields: Any
) -> None:
    """Logs `event` with metrics and other fields in one line.

    Args:
        event: what happened, as for any log line.
        values: one number a metric.
        dimensions: a value for every dimension that the metrics have.
        fields: shown in the line, no metrics.

    Raises:
        ValueError: a metric's dimension has no value.
    """
    split = dict(dimensions or {})
    missing = sorted({name for metric in values for name in metric.dimensions} - split.keys())
    if missing:
        raise ValueError(f"metric needs a value for {', '.join(missing)}")
    groups: dict[tuple[str, ...], list[Metric]] = {}
    for metric in values:
        groups.setdefault(metric.dimensions, []).append(metric)
    directives: list[dict[str, Any]] = [
        {
            "Namespace": runtime.config().metrics_namespace,
            # The sum over all values stands beside the split one: dashboards want both.
            "Dimensions": [[], list(names)] if names else [[]],
            "Metrics": [{"Name": metric.name, "Unit": metric.unit.value} for metric in metrics],
        }
        for names, metrics in groups.items()
    ]
    envelope = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": directives}
    numbers = {metric.name: value for metric, value in values.items()}
    _log.info(event, **fields, **split, **numbers, _aws=envelope)


def image_completed(*, waited_s: float | None, took_s: float, timings: Mapping[str, float], **fields: Any) -> None:
    """One image was settled as completed; `timings` are wall seconds by stage."""
    values = {IMAGES_COMPLETED: 1.0, IMAGE_TIME: took_s}
    if waited_s is not None:
        values[QUEUE_WAIT] = waited_s
    values.update({STAGE_TIMES[stage]: took for stage, took in timings.items() if stage in STAGE_TIMES})
    emit("image_completed", {metric: round(value, 4) for metric, value in values.items()}, **fields)


def image_failed(*, reason: str, waited_s: float | None, took_s: float, **fields: Any) -> None:
    """One image was settled as failed for good."""
    values = {IMAGES_FAILED: 1.0, IMAGE_TIME: round(took_s, 4)}
    if waited_s is not None:
        values[QUEUE_WAIT] = round(waited_s, 4)
    emit("image_failed", values, dimensions={"Reason": reason}, **fields)


def image_retried(*, reason: str, **fields: Any) -> None:
    """One image was given back for another try."""
    emit("image_retried", {IMAGES_RETRIED: 1}, dimensions={"Reason": reason}, **fields)


def job_completed(*, took_s: float, archive_bytes: int, **fields: Any) -> None:
    """The archive of a job was written."""
    emit("job_completed", {JOB_TIME: round(took_s, 3), ARCHIVE_BYTES: archive_bytes}, **fields)


def swept(step: str, count: int) -> None:
    """The sweeper mended `count` things in one step."""
    emit("swept", {SWEPT: count}, dimensions={"Step": step})
