"""Follows a job to its end: by the event stream where there is one, else by asking again and again."""

import json
import math
import time
from collections.abc import Callable, Iterator

import httpx
from pydantic import ValidationError

from client.api import Api
from client.errors import ProblemError
from client.models import Job
from client.retry import Transient
from client.sse import events
from client.stop import Stop

SILENCE_S = 45.0
"""A stream that says nothing for so long, not even that it lives, is taken for broken."""
FIRST_POLL_S = 0.5
LONGEST_POLL_S = 5.0
SHORT_STREAM_S = 1.0
STREAM_AGAIN_S = 30.0
"""After a stream could not be had, the job is polled for so long before another is tried."""


def follow(api: Api, job_id: str, *, stop: Stop, is_over: Callable[[Job], bool]) -> Iterator[Job]:
    """The job as it stands now, then after each change that the service tells, the last one being over.

    Args:
        api: the service.
        job_id: the job.
        stop: ends waiting.
        is_over: decides what is waited for.

    Raises:
        ProblemError, NetworkError: the service cannot be asked any more.
        Interrupted: the switch was thrown.
    """
    stream = _Stream(api, job_id, stop)
    job = api.job(job_id)
    yield job
    poll_s = FIRST_POLL_S
    while not is_over(job):
        if stream.is_worth_a_try:
            for told in stream.jobs():
                # None says that the stream lives, no more; it is a chance to look whether the wait is over.
                if told is not None and told != job:
                    job = told
                    yield job
                if is_over(job):
                    return
        else:
            stop.sleep(poll_s)
            poll_s = min(LONGEST_POLL_S, poll_s * 1.5)
        # Also after a stream: what changed between its end and the next one would go unseen.
        asked = api.job(job_id)
        if asked != job:
            job, poll_s = asked, FIRST_POLL_S
            yield job


class _Stream:
    """The job's event stream: opened anew when it ends, left alone for a while when it cannot be had."""

    def __init__(self, api: Api, job_id: str, stop: Stop) -> None:
        self._api = api
        self._job_id = job_id
        self._stop = stop
        self._last_event_id: str | None = None
        self._not_before_s = 0.0

    @property
    def is_worth_a_try(self) -> bool:
        """Whether it may be had now."""
        return time.monotonic() >= self._not_before_s

    def jobs(self) -> Iterator[Job | None]:
        """The job whenever the service tells it, and None whenever it tells something else."""
        opened_s = time.monotonic()
        pause_s = 0.0
        try:
            with self._api.events(self._job_id, last_event_id=self._last_event_id, silence_s=SILENCE_S) as stream:
                for event in events(self._lines(stream)):
                    if event is None:
                        yield None
                        continue
                    self._last_event_id = event.event_id
                    yield _job_in(event.data)
            if time.monotonic() - opened_s < SHORT_STREAM_S:
                pause_s = STREAM_AGAIN_S  # something on the way allows no streams
        except Transient as fault:
            # Refused for now, or cut off: what the stream would say can be asked for meanwhile.
            pause_s = max(STREAM_AGAIN_S, fault.after_s or 0.0)
        except ProblemError:
            pause_s = math.inf
        self._not_before_s = time.monotonic() + pause_s

    def _lines(self, stream: httpx.Response) -> Iterator[str]:
        for line in stream.iter_lines():
            self._stop.check()
            yield line


def _job_in(data: str) -> Job | None:
    try:
        return Job.model_validate(json.loads(data))
    except (ValueError, ValidationError):
        return None  # an event of another kind
