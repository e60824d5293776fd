"""What the burst decides, without AWS: how many tasks are missing, and what each request for some is called."""

import re
from collections.abc import Iterator

BATCH = 10
"""Tasks that one RunTask request may ask for."""

REQUESTS = 300
"""Requests that one minute may take: three times what ECS lets through before it throttles."""
MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def missing_tasks(*, outstanding: int, base_images: int, images_per_task: int, live: int, most: int) -> int:
    """Tasks to start now.

    Args:
        outstanding: images waiting in the queue or being worked on.
        base_images: how many of them are left to workers that are not ours.
        images_per_task: images that justify a task of their own.
        live: our tasks that run or are about to.
        most: tasks that may be live at once.
    """
    ours = max(0, outstanding - base_images)
    # Rounded up: one image is worth a task.
    wanted = min(most, -(-ours // images_per_task))
    return max(0, wanted - live)


def tokens(*, started_by: str, minute: str) -> Iterator[str]:
    """Names for the requests of one minute, first to last, the same whoever asks.

    ECS answers a repeated name with what the first request of that name started. Runs of the same minute that know
    nothing of each other, and a run that is repeated, therefore start the same tasks rather than tasks each: every
    run walks through what the minute has started so far, and goes on from there.
    """
    for number in range(REQUESTS):
        yield f"{started_by[:32]}/{minute}/{number}"


def minute_of(time: str) -> str:
    """The minute of a timestamp such as `2026-11-23T03:10:59Z` or `2026-11-23T03:10:59.410+0000`.

    Raises:
        ValueError: it is no timestamp.
    """
    found = MINUTE.match(time)
    if found is None:
        raise ValueError(f"time {time!r}: allowed a timestamp such as '2026-11-23T03:10:59Z'")
    return found[0]


def reason_code(reason: str) -> str:
    """A failure in one word, out of the few that alarms and dashboards count by.

    ECS words its reasons for people, and hides EC2's throttling in the message of another error.
    """
    text = reason.lower()
    return next((code for code, signs in _SIGNS.items() if any(sign in text for sign in signs)), "other")


THROTTLED = "throttled"
_SIGNS = {
    THROTTLED: ("throttl", "rate exceeded", "requestlimitexceeded", "too many requests", "toomanyrequests"),
    "quota": ("reached the limit", "limitexceeded"),
    "capacity": ("capacity is unavailable", "empty capacity provider"),
    "addresses": ("resource:eni", "freeaddresses"),
    "refused": ("accessdenied", "not authorized", "blocked"),
}
