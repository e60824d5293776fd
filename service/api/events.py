"""Live progress as server-sent events: the job, whenever it has changed. Bounded in number and in time."""

import json
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from django.db import DatabaseError, connection
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router

from service.api.context import principal_of
from service.api.finding import find_job
from service.api.openapi import problems
from service.api.parameters import LastEventId
from service.api.problems import Code, Problem, retry_after
from service.api.telling import told_job
from service.jobs.api_keys import Principal
from service.jobs.models import Job, JobStatus
from service.logs import logger
from service.web.drain import drain
from service.web.size import STREAMS

router = Router(tags=["jobs"])
_log = logger(__name__)

LONGEST_S = 300.0
"""Then the stream ends and the client comes back with Last-Event-ID: no task is held by a forgotten tab."""
LOOK_EVERY_S = 1.0
COMMENT_EVERY_S = 15.0
"""Below the idle time of load balancers and proxies."""
RECONNECT_MS = 2000
_ENDED = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["job", "end"]},
        "id": {"type": "string"},
        "data": {"type": "string", "description": "JSON: the job, without links"},
    },
    "required": ["event", "id", "data"],
}
_places = threading.BoundedSemaphore(STREAMS)


@router.get(
    "/jobs/{uuid:job_id}/events",
    openapi_extra=problems(
        Code.NOT_FOUND,
        Code.INVALID_REQUEST,
        Code.TOO_MANY_STREAMS,
        answers={
            200: {
                "description": "Server-sent events: `job` with the job as data when it changed, `end` when it ended",
                "content": {"text/event-stream": {"schema": _EVENT}},
            }
        },
    ),
)
def get_events(request: HttpRequest, job_id: UUID, last_event_id: LastEventId = None) -> StreamingHttpResponse:
    """Watch a job. Every event carries its whole state, so that nothing is lost between two connections."""
    principal = principal_of(request)
    job = find_job(principal, job_id)
    if not _places.acquire(blocking=False):
        raise Problem(Code.TOO_MANY_STREAMS, f"{STREAMS} streams are open here", headers=retry_after(5))
    stream = _Stream(principal, job, last_event_id)
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


class _Stream:
    """The events of one connection; gives its place back when the connection ends, however it ends."""

    def __init__(self, principal: Principal, job: Job, seen: str | None) -> None:
        self._events = _events(principal, job, seen)
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Called by Django at the end of the response, also when the client is gone or nothing was ever read."""
        if self._open:
            self._open = False
            _places.release()


def _events(principal: Principal, job: Job, seen: str | None) -> Iterator[bytes]:
    ends_at = time.monotonic() + LONGEST_S
    silent_since = time.monotonic()
    yield f"retry: {RECONNECT_MS}\n\n".encode()
    while True:
        state = _state_of(job)
        if state != seen:
            data = told_job(job, link=False).model_dump_json(exclude={"download_url", "expires_in", "link_expires_at"})
            yield _event("job", data, state)
            seen, silent_since = state, time.monotonic()
        if job.status in _ENDED:
            yield _event("end", json.dumps({"status": job.status}), state)
            return
        if time.monotonic() - silent_since > COMMENT_EVERY_S:
            yield b": still here\n\n"
            silent_since = time.monotonic()
        connection.close()  # back to the pool: a stream must not keep a connection while it waits
        time.sleep(LOOK_EVERY_S)
        if drain.leaving or time.monotonic() > ends_at:
            return
        try:
            job = find_job(principal, job.job_id)
        except (DatabaseError, Problem) as error:
            _log.warning("events_broken_off", job=str(job.job_id), reason=type(error).__name__)
            return


def _state_of(job: Job) -> str:
    """Names a state of the job: the id of the event that tells it."""
    settled = "s" if job.settled_at is not None else ""
    return f"{job.status}-{job.images_completed}-{job.images_failed}{settled}"


def _event(kind: str, data: str, state: str) -> bytes:
    return f"event: {kind}\nid: {state}\ndata: {data}\n\n".encode()
