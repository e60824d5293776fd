"""Starts Fargate workers for a backlog that the standing workers do not master.

Started by the backlog's alarm when it changes its state, and every minute: the alarm is quick, the schedule is sure.
Each run reads the queue and the tasks anew and starts what is missing, so that a run which is lost, repeated or late
does no harm. Tasks end by themselves when the queue is empty; nothing here stops one.
"""

import os
from datetime import UTC, datetime
from typing import Any, Protocol

import boto3
from botocore.config import Config
from decision import minute_of, missing_tasks
from fleet import Fleet
from metrics import lines
from patience import Patience
from settings import Settings

RESERVE_S = 3.0
"""Left of the function's time for saying what came of it."""


class BurstError(Exception):
    """Tasks are missing that there is room for. Raised so that the function's error alarm sees it."""


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Time until Lambda ends the function."""


def handler(event: dict[str, Any], context: Context) -> dict[str, int]:
    """Bring the burst tasks up to the backlog."""
    # Every repetition is patience's, which knows the function's deadline.
    once = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1, "mode": "standard"})
    return burst(
        event,
        settings=Settings.read(os.environ),
        sqs=boto3.client("sqs", config=once),
        ecs=boto3.client("ecs", config=once),
        patience=Patience(context.get_remaining_time_in_millis() / 1000 - RESERVE_S),
    )


def burst(event: dict[str, Any], *, settings: Settings, sqs: Any, ecs: Any, patience: Patience) -> dict[str, int]:
    """One run.

    Raises:
        BurstError: tasks could not be started although there are slots for them.
    """
    minute = minute_of(event.get("time") or datetime.now(UTC).isoformat())
    fleet = Fleet(ecs, settings)
    outstanding = _outstanding(sqs, settings.queue_url, patience)
    live = fleet.live(patience)
    missing = missing_tasks(
        outstanding=outstanding,
        base_images=settings.base_images,
        images_per_task=settings.images_per_task,
        live=len(live),
        most=settings.max_tasks,
    )
    outcome = fleet.start(missing, live=live, minute=minute, patience=patience)
    for line in lines(namespace=settings.metrics_namespace, outstanding=outstanding, live=len(live), outcome=outcome):
        print(line)
    if outcome.unstarted:
        raise BurstError(
            f"{outcome.unstarted} of {missing} missing tasks of {settings.family} could not be started for "
            f"{outstanding} outstanding images: {'; '.join(outcome.details)}"
        )
    return {"outstanding": outstanding, "live": len(live), "missing": missing, "started": outcome.started}


def _outstanding(sqs: Any, queue_url: str, patience: Patience) -> int:
    """Images that wait, and images that are being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = patience.call(lambda: sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names))
    return sum(int(answer["Attributes"][name]) for name in names)
