"""The API's calls, one method each, typed. How an answer looks is known here and in `models`, nowhere else."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from client.errors import Problem, ProtocolError, UsageError
from client.models import (
    Confirmation,
    Image,
    ImagePage,
    ImageStatus,
    Job,
    JobPage,
    MultipartLinks,
    NewFile,
    NewJob,
    PutLinks,
    UploadRequest,
    fields,
)
from client.stop import Stop
from client.transport import Transport, problem_in

Model = TypeVar("Model", bound=BaseModel)

PAGE = 100


class Api:
    """The service as one key sees it. Every method raises what `Transport.call` raises."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def origin(self) -> str:
        """The server."""
        return self._transport.origin

    def with_stop(self, stop: Stop) -> "Api":
        """The same service, with a switch of one operation."""
        return Api(self._transport.with_stop(stop))

    def create_job(self, recipe: Any, files: Sequence[NewFile], *, idempotency_key: str) -> NewJob:
        """Makes a job, or gives the one that this idempotency key made already."""
        body = {"recipe": recipe, "files": [fields(file) for file in files]}
        answer = self._transport.call("POST", "/v1/jobs", body=body, headers={"Idempotency-Key": idempotency_key})
        return _read(NewJob, answer)

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return _read(Job, self._transport.call("GET", _path(job_id)))

    def jobs(self) -> Iterator[Job]:
        """All jobs, the newest first, read page by page."""
        cursor: str | None = None
        while True:
            page = _read(JobPage, self._transport.call("GET", "/v1/jobs", params=_page(cursor)))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def images(
        self,
        job_id: str,
        *,
        status: ImageStatus | None = None,
        links: bool = False,
        after: ImagePage | None = None,
    ) -> Iterator[Image]:
        """The images of a job in their order, read page by page.

        Args:
            job_id: the job.
            status: only those.
            links: with links to the renditions.
            after: a page that is known already; it is given first.
        """
        more = ({"status": status.value} if status else {}) | ({"links": "true"} if links else {})
        page = after
        while True:
            if page is not None:
                yield from page.items
                if page.next_cursor is None:
                    return
            params = _page(page.next_cursor if page else None) | more
            page = _read(ImagePage, self._transport.call("GET", _path(job_id, "images"), params=params))

    def image(self, job_id: str, image_id: str) -> Image:
        """One image, with links to its renditions."""
        return _read(Image, self._transport.call("GET", _path(job_id, "images", image_id)))

    def cancel(self, job_id: str) -> Job:
        """Cancels what has not started."""
        return _read(Job, self._transport.call("DELETE", _path(job_id)))

    def upload_links(
        self, job_id: str, requests: Sequence[UploadRequest]
    ) -> dict[str, PutLinks | MultipartLinks | Problem]:
        """Links for images, or why there are none, by image id."""
        body = {"images": [fields(request) for request in requests]}
        answer = self._transport.call("POST", _path(job_id, "uploads"), body=body)
        return {image_id: _links(each) for image_id, each in _by_image(answer, "uploads").items()}

    def confirm(self, job_id: str, confirmations: Sequence[Confirmation]) -> dict[str, Problem]:
        """Says that images are uploaded. Returns what is wrong with those that the service refuses, by image id."""
        body = {"images": [fields(confirmation) for confirmation in confirmations]}
        answer = self._transport.call("POST", _path(job_id, "uploaded"), body=body)
        return {
            image_id: problem_in(each["problem"])
            for image_id, each in _by_image(answer, "images").items()
            if each.get("problem")
        }

    def events(
        self, job_id: str, *, last_event_id: str | None, silence_s: float
    ) -> AbstractContextManager[httpx.Response]:
        """The job's event stream, opened once."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        return self._transport.stream(_path(job_id, "events"), headers=headers, silence_s=silence_s)


def _path(job_id: str, *rest: str) -> str:
    try:
        uuid.UUID(job_id)
    except ValueError:
        raise UsageError(f"{job_id!r} is no job's id; `list` shows yours") from None
    return "/v1/jobs/" + "/".join(quote(part, safe="") for part in (job_id, *rest))


def _page(cursor: str | None) -> dict[str, str | int]:
    return {"limit": PAGE} | ({"cursor": cursor} if cursor else {})


def _read(model: type[Model], answer: object) -> Model:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise ProtocolError(f"the server's answer is not a {model.__name__}: {place}: {fault['msg']}") from None


def _by_image(answer: object, key: str) -> dict[str, dict[str, Any]]:
    items = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(each, dict) and "image_id" in each for each in items):
        raise ProtocolError(f"the server's answer has no list {key!r} of images")
    return {str(each["image_id"]): each for each in items}


def _links(item: dict[str, Any]) -> PutLinks | MultipartLinks | Problem:
    if item.get("problem"):
        return problem_in(item["problem"])
    if item.get("method") == "multipart":
        return _read(MultipartLinks, item)
    return _read(PutLinks, item)
