"""The API in this process, over a database, queues and buckets of its own, and two tenants who call it."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.test import Client

from service.aws.clients import Clients
from service.aws.queue import Queue
from service.aws.storage import Bucket
from service.config import WebConfig
from service.jobs import api_keys
from service.jobs.messages import parse
from service.jobs.models import Tenant
from tests.platform import Resources

RAW = b"II*\0" + bytes(60) + b"camera raw "
"""Begins as a TIFF does, which is all that the API looks at."""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    json: Any
    content: bytes

    def problem(self, code: str, status: int) -> Any:
        """The problem document, which must be of this code."""
        assert (self.json.get("code"), self.status) == (code, status), self.content
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == status
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        assert {"type", "title", "detail"} <= self.json.keys()
        return self.json


class Caller:
    """A customer's program with a key."""

    def __init__(self, token: str | None) -> None:
        self.token = token
        self._client = Client(raise_request_exception=False)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if raw is not None:
            kind = sent.pop("Content-Type", "application/json")
            response = self._client.generic(method, path, raw, kind, headers=sent)
        elif body is not None:
            response = self._client.generic(method, path, json_bytes(body), "application/json", headers=sent)
        else:
            response = self._client.generic(method, path, headers=sent)
        content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        is_json = "json" in response.headers.get("Content-Type", "")
        return Answer(response.status_code, response.headers, response.json() if is_json else None, content)

    def job(self, *sizes: int, name: str = "IMG_{}.dng", **headers: str) -> Any:
        """Posts a job of files of these sizes."""
        files = [{"name": name.format(number), "size_bytes": size} for number, size in enumerate(sizes)]
        answer = self("POST", "/v1/jobs", {"recipe": "default", "files": files}, headers=headers)
        assert answer.status == 202, answer.content
        return answer.json


def json_bytes(body: Any) -> bytes:
    """As a client sends it."""
    return json.dumps(body).encode()


@pytest.fixture
def resources(shared_resources: Resources) -> Resources:
    """In the place of new ones for each test; what a test puts there is under ids of its own."""
    return shared_resources


def make_key(slug: str) -> str:
    """A tenant with a key; returns the token."""
    Tenant.objects.get_or_create(slug=slug, defaults={"name": slug})
    return api_keys.create(tenant=slug, name="test").token


@pytest.fixture
def acme(service: WebConfig) -> Caller:
    """A tenant's program."""
    return Caller(make_key("acme"))


@pytest.fixture
def rival(service: WebConfig) -> Caller:
    """Another tenant's."""
    return Caller(make_key("rival"))


@pytest.fixture
def nobody(service: WebConfig) -> Caller:
    """Without a key."""
    return Caller(None)


@pytest.fixture
def messages(service: WebConfig) -> Callable[[], list[Any]]:
    """Takes everything off the job queue."""
    sqs = Clients(region=service.region).sqs
    sqs.purge_queue(QueueUrl=service.queue_url)
    queue = Queue(sqs, service.queue_url)

    def take() -> list[Any]:
        found = []
        while batch := queue.receive(wait_s=0):
            for message in batch:
                found.append(parse(message.body))
                queue.delete(message)
        return found

    return take


@pytest.fixture
def uploads(service: WebConfig) -> Bucket:
    """The uploads bucket as root sees it."""
    return Bucket(Clients(region=service.region).s3, service.uploads_bucket)


@pytest.fixture
def results(service: WebConfig) -> Bucket:
    """The results bucket as root sees it."""
    return Bucket(Clients(region=service.region).s3, service.results_bucket)


def put(link: Mapping[str, Any], data: bytes) -> httpx.Response:
    """Uploads as the link's answer says."""
    return _http().put(link["url"], content=data, headers=link["headers"])


@functools.cache
def _http() -> httpx.Client:
    """One for all tests: making one takes as long as a hundred uploads."""
    return httpx.Client()


def upload(caller: Caller, job: Mapping[str, Any], image: Mapping[str, Any] | str, data: bytes) -> Answer:
    """Uploads one small file and confirms it."""
    image_id = image if isinstance(image, str) else image["image_id"]
    link = caller("POST", f"/v1/jobs/{job['job_id']}/images/{image_id}/upload")
    assert link.status == 200, link.content
    assert put(link.json, data).status_code == 200
    return caller("POST", f"/v1/jobs/{job['job_id']}/images/{image_id}/uploaded")
