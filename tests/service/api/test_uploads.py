"""Uploads over HTTP: links, parts, resuming, and the look at what arrived before it goes to a worker."""

import base64
import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from service.api import uploading
from service.aws.errors import AwsError
from service.aws.queue import Queue
from service.aws.storage import MIB, Bucket
from service.config import WebConfig
from service.jobs.messages import ImageWanted
from service.jobs.models import Image
from tests.service.api.conftest import RAW, Caller, put, upload


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multipart from 1 KiB on, in parts of 5 MiB, the least that storage takes."""
    monkeypatch.setattr(uploading, "MULTIPART_ABOVE_BYTES", 1024)
    monkeypatch.setattr(uploading, "SMALLEST_PART_BYTES", 5 * MIB)


def _first(job: Any) -> tuple[str, str]:
    image_id = job["first_page"]["items"][0]["image_id"]
    return image_id, f"/v1/jobs/{job['job_id']}/images/{image_id}"


def test_an_uploaded_file_goes_to_the_queue_once(acme: Caller, messages: Callable[[], list[Any]]) -> None:
    job = acme.job(len(RAW))
    image_id, path = _first(job)
    confirmed = upload(acme, job, image_id, RAW)
    assert (confirmed.status, confirmed.json["status"]) == (200, "pending")
    wanted = [ImageWanted(uuid.UUID(job["job_id"]), uuid.UUID(image_id))]
    assert messages() == wanted
    assert acme("POST", f"{path}/uploaded").json == confirmed.json
    assert messages() == [], "confirming again sends nothing"
    acme("POST", f"{path}/upload").problem("image_uploaded", 409)


def test_a_link_takes_exactly_the_announced_bytes_until_it_expires(acme: Caller) -> None:
    job = acme.job(len(RAW))
    link = acme("POST", f"{_first(job)[1]}/upload", {"sha256": hashlib.sha256(RAW).hexdigest()}).json
    assert link["method"] == "put"
    assert 2700 <= link["expires_in"] <= 3600
    left = datetime.fromisoformat(link["expires_at"]) - datetime.now(tz=UTC)
    assert timedelta(seconds=link["expires_in"] - 60) < left <= timedelta(seconds=link["expires_in"])
    assert f"X-Amz-Expires={link['expires_in']}&" in link["url"]
    checksum = {name: value for name, value in link["headers"].items() if name != "content-length"}
    assert httpx.put(link["url"], content=RAW + b"x", headers=checksum).status_code == 403, "another size"
    assert httpx.put(link["url"], content=RAW).status_code == 403, "without the checksum"
    assert put(link, RAW[:-1] + b"?").status_code == 400, "other bytes"
    assert put(link, RAW).status_code == 200


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"II*\0 short", "bytes were uploaded"),
        (b"\xff\xd8\xff\xe0" + bytes(len(RAW) - 4), "JPEG"),
        (bytes(len(RAW)), "zeros"),
        (b"%PDF-1.4".ljust(len(RAW)), "PDF"),
        (b"hello ".ljust(len(RAW)), "text"),
        (b"", "0 bytes were uploaded"),
    ],
)
def test_an_object_that_is_not_what_was_announced_is_refused_and_can_be_replaced(
    acme: Caller, uploads: Bucket, messages: Callable[[], list[Any]], data: bytes, words: str
) -> None:
    job = acme.job(len(RAW))
    image_id, path = _first(job)
    key = f"uploads/acme/{job['job_id']}/{image_id}"
    uploads.put(key, data, content_type="application/octet-stream")  # past the link, which would not take it
    problem = acme("POST", f"{path}/uploaded").problem("upload_mismatch", 409)
    assert words in problem["detail"]
    assert messages() == []
    assert upload(acme, job, image_id, RAW).status == 200


def test_nothing_uploaded_is_told_so(acme: Caller) -> None:
    _, path = _first(acme.job(5))
    acme("POST", f"{path}/uploaded").problem("upload_missing", 409)
    acme("GET", f"{path}/upload").problem("no_upload", 409)


def test_a_large_file_goes_in_parts_and_is_resumed_after_a_break(
    acme: Caller, small_parts: None, uploads: Bucket, messages: Callable[[], list[Any]]
) -> None:
    data = RAW.ljust(11 * MIB, b"x")
    job = acme.job(len(data))
    image_id, path = _first(job)
    offer = acme("POST", f"{path}/upload").json
    assert (offer["method"], offer["part_size_bytes"]) == ("multipart", 5 * MIB)
    assert [(part["number"], part["size_bytes"]) for part in offer["parts"]] == [
        (1, 5 * MIB),
        (2, 5 * MIB),
        (3, MIB),
    ]
    second = data[5 * MIB : 10 * MIB]
    wrong_md5 = {"Content-MD5": base64.b64encode(bytes(16)).decode()}
    link = offer["parts"][1]
    assert httpx.put(link["url"], content=second, headers={**link["headers"], **wrong_md5}).status_code == 400
    etag = put(link, second).headers["ETag"]

    state = acme("GET", f"{path}/upload").json
    assert [part["number"] for part in state["stored_parts"]] == [2]
    acme("POST", f"{path}/uploaded").problem("upload_incomplete", 409)

    resumed = acme("POST", f"{path}/upload").json
    assert resumed["upload_id"] == offer["upload_id"]
    assert [part["number"] for part in resumed["parts"]] == [1, 3]
    asked = acme("POST", f"{path}/upload", {"part_numbers": [2]}).json
    assert [part["number"] for part in asked["parts"]] == [2]
    acme("POST", f"{path}/upload", {"part_numbers": [4]}).problem("invalid_request", 422)
    for part in resumed["parts"]:
        at = (part["number"] - 1) * 5 * MIB
        assert put(part, data[at : at + 5 * MIB]).status_code == 200

    acme("POST", f"{path}/uploaded", {"parts": [{"number": 2, "etag": "0" * 32}]}).problem("upload_incomplete", 409)
    done = acme("POST", f"{path}/uploaded", {"parts": [{"number": 2, "etag": etag}]})
    assert done.status == 200, done.content
    assert len(messages()) == 1
    stored = uploads.head(f"uploads/acme/{job['job_id']}/{image_id}")
    assert stored is not None
    assert stored.size_bytes == len(data)


def test_an_upload_that_storage_forgot_is_begun_anew(acme: Caller, small_parts: None, uploads: Bucket) -> None:
    job = acme.job(6 * MIB)
    image_id, path = _first(job)
    old = acme("POST", f"{path}/upload").json["upload_id"]
    uploads.abort_upload(f"uploads/acme/{job['job_id']}/{image_id}", old)
    acme("GET", f"{path}/upload").problem("no_upload", 409)
    new = acme("POST", f"{path}/upload").json
    assert new["upload_id"] != old
    assert Image.objects.get(image_id=image_id).upload_id == new["upload_id"]


def test_an_upload_put_together_before_its_answer_was_lost_is_accepted(
    acme: Caller, small_parts: None, uploads: Bucket
) -> None:
    data = RAW.ljust(6 * MIB, b"x")
    job = acme.job(len(data))
    image_id, path = _first(job)
    offer = acme("POST", f"{path}/upload").json
    for part in offer["parts"]:
        at = (part["number"] - 1) * 5 * MIB
        put(part, data[at : at + 5 * MIB])
    key = f"uploads/acme/{job['job_id']}/{image_id}"
    uploads.complete_upload(key, offer["upload_id"], uploads.parts(key, offer["upload_id"]))
    assert acme("POST", f"{path}/uploaded").status == 200


def test_a_hundred_images_take_few_calls_and_few_queries(
    acme: Caller, messages: Callable[[], list[Any]], queries: Callable[[], int]
) -> None:
    job = acme.job(*[len(RAW)] * 100)
    entries = [{"image_id": image["image_id"]} for image in job["first_page"]["items"]]
    before = queries()
    offers = acme("POST", f"/v1/jobs/{job['job_id']}/uploads", {"images": entries}).json["uploads"]
    assert [offer["image_id"] for offer in offers] == [entry["image_id"] for entry in entries]
    for offer in offers:
        assert put(offer, RAW).status_code == 200
    done = acme("POST", f"/v1/jobs/{job['job_id']}/uploaded", {"images": entries}).json["images"]
    assert queries() - before <= 20
    assert {entry["status"] for entry in done} == {"pending"}
    assert len(messages()) == 100


def test_one_bad_image_of_a_bulk_call_does_not_stop_the_others(acme: Caller, messages: Callable[[], list[Any]]) -> None:
    job = acme.job(len(RAW), len(RAW))
    good, idle = (image["image_id"] for image in job["first_page"]["items"])
    unknown = str(uuid.uuid4())
    asked = {"images": [{"image_id": one} for one in (unknown, good, idle, good)]}
    offers = acme("POST", f"/v1/jobs/{job['job_id']}/uploads", asked).json["uploads"]
    assert [offer.get("problem", {}).get("code") for offer in offers] == ["not_found", None, None, None]
    put(offers[1], RAW)
    done = acme("POST", f"/v1/jobs/{job['job_id']}/uploaded", asked).json["images"]
    codes = [entry.get("problem", {}).get("code") for entry in done]
    assert codes == ["not_found", None, "upload_missing", None]
    assert len(messages()) == 1, "an image that was named twice is sent once"


def test_an_image_is_accepted_although_the_queue_does_not_answer(
    acme: Caller, monkeypatch: pytest.MonkeyPatch, service: WebConfig
) -> None:
    job = acme.job(len(RAW))
    image_id, _ = _first(job)
    monkeypatch.setattr(Queue, "send_many", _broken)
    assert upload(acme, job, image_id, RAW).status == 200
    image = Image.objects.get(image_id=image_id)
    assert (image.uploaded_at is not None, image.enqueued_at) == (True, None), "the sweeper finds it"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("uploads", {"images": []}),
        ("uploads", {"images": [{"image_id": "x"}]}),
        ("uploads", {"images": [{"image_id": str(uuid.uuid4())}] * 101}),
        ("uploads", {"images": [{"image_id": str(uuid.uuid4()), "sha256": "xyz"}]}),
        ("uploads", {"images": [{"image_id": str(uuid.uuid4()), "part_numbers": [0]}]}),
        ("uploaded", {"images": [{"image_id": str(uuid.uuid4()), "parts": [{"number": 1, "etag": "\n"}]}]}),
        ("uploaded", {}),
    ],
)
def test_bulk_calls_with_invalid_values_are_refused(acme: Caller, path: str, body: Any) -> None:
    acme("POST", f"/v1/jobs/{acme.job(5)['job_id']}/{path}", body).problem("invalid_request", 422)


@pytest.mark.parametrize("size_bytes", [65 * MIB, 160_000 * MIB, 5 * 1024**4])
def test_no_file_has_more_parts_than_storage_takes(size_bytes: int) -> None:
    sizes = uploading.part_sizes(size_bytes)
    assert sum(sizes.values()) == size_bytes
    assert len(sizes) <= 10_000
    assert max(sizes.values()) <= 5 * 1024 * MIB
    assert all(size >= 5 * MIB for number, size in sizes.items() if number < len(sizes))


def _broken(*_arguments: Any) -> list[int]:
    raise AwsError("send to the queue: ServiceUnavailable")
