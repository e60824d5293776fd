"""Queues, buckets and signers against real endpoints: what they promise when AWS is well, and when it is not."""

import hashlib
import os
import resource
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from boto3.exceptions import Boto3Error, RetriesExceededError
from botocore.exceptions import ClientError

from service.aws import queue as queue_module
from service.aws.clients import Clients
from service.aws.errors import (
    AccessDenied,
    AwsAway,
    AwsError,
    ObjectMissing,
    UploadMissing,
    UploadRefused,
    translated,
)
from service.aws.queue import Queue
from service.aws.secrets import Secrets
from service.aws.signers import SESSION_S, RoleSession, download_signer, upload_signer
from service.aws.storage import MIB, Bucket, Part, content_disposition
from service.aws.stream import ObjectWriter
from tests.platform import Aws, Resources


@pytest.fixture
def clients(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """As a task has them."""
    for name, value in aws.address.environment().items():
        monkeypatch.setenv(name, value)
    return Clients(region=aws.address.region)


@pytest.fixture
def shared(new_resources: Any, request: pytest.FixtureRequest) -> Resources:
    """Queues and buckets; made once for this module."""
    found: Resources | None = getattr(request.module, "_shared", None)
    if found is None:
        found = new_resources()
        request.module._shared = found
    return found


@pytest.fixture
def bucket(clients: Clients, shared: Resources) -> Bucket:
    """A bucket as root sees it."""
    return Bucket(clients.s3, shared.results_bucket)


@pytest.fixture
def jobs(clients: Clients, shared: Resources) -> Queue:
    """An empty queue."""
    clients.sqs.purge_queue(QueueUrl=shared.queue_url)
    return Queue(clients.sqs, shared.queue_url)


def test_an_object_comes_back_as_it_was_stored(bucket: Bucket, tmp_path: Path) -> None:
    data = os.urandom(40 * MIB)
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(data)
    assert bucket.upload(there, "results/large", content_type="image/jpeg") == len(data)
    assert bucket.download("results/large", back) == len(data)
    assert back.read_bytes() == data
    assert bucket.peek("results/large", 10) == (len(data), data[:10])
    found = bucket.head("results/large")
    assert found is not None
    assert (found.size_bytes, found.content_type) == (len(data), "image/jpeg")


def test_what_is_not_there_is_missing_not_broken(bucket: Bucket, tmp_path: Path) -> None:
    assert bucket.head("results/none") is None
    for read in (
        lambda: bucket.read("results/none", length=1),
        lambda: bucket.peek("results/none", 1),
        lambda: bucket.download("results/none", tmp_path / "x"),
        lambda: bucket.copy_from(bucket, "results/none", "results/copy"),
    ):
        with pytest.raises(ObjectMissing):
            read()
    assert not (tmp_path / "x").exists()


def test_a_disk_that_fills_up_is_an_error_and_never_a_short_file(bucket: Bucket, tmp_path: Path) -> None:
    key = f"uploads/{uuid4()}"
    bucket.put(key, bytes(300_000), content_type="image/x-adobe-dng")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As on a full disk: the write that no longer fits is done in part, only the next one fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            bucket.fetch(key, tmp_path / "original")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_aws_is_to_blame_for_passes_and_a_refusal_does_not() -> None:
    def translated_as(status: int, code: str) -> type[BaseException]:
        answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        with pytest.raises(AwsError) as caught, translated("read", "s3://bucket/key"):
            raise ClientError(answer, "GetObject")
        return caught.type

    assert translated_as(500, "InternalError") is AwsAway
    assert translated_as(503, "SlowDown") is AwsAway
    assert translated_as(403, "RequestThrottled") is AwsAway
    assert translated_as(403, "AccessDenied") is AccessDenied
    assert translated_as(400, "InvalidArgument") is AwsError
    with pytest.raises(AwsAway), translated("download", "s3://bucket/key"):
        raise RetriesExceededError(Boto3Error("half a body"))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("User: … is not authorized to perform: s3:ListBucket on resource: …", ObjectMissing),
        ("User: … is not authorized to perform: kms:Decrypt on resource: …", AccessDenied),
    ],
)
def test_a_refusal_for_want_of_the_right_to_list_means_that_nothing_is_there(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, message: str, kind: type[AwsError]
) -> None:
    def refused(**_arguments: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject")

    def bare(**_arguments: Any) -> None:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(bucket._client, "get_object", refused)
    monkeypatch.setattr(bucket._client, "head_object", bare)
    with pytest.raises(kind):
        bucket.read("results/x", length=1)
    if kind is ObjectMissing:
        assert bucket.head("results/x") is None
    else:
        with pytest.raises(AccessDenied, match="kms:Decrypt"):
            bucket.head("results/x")


@pytest.mark.parametrize("size", [0, 5, 5 * MIB, 5 * MIB + 1, 17 * MIB])
def test_a_stream_of_any_length_becomes_one_object(bucket: Bucket, size: int) -> None:
    data = os.urandom(size)
    with ObjectWriter(bucket, "results/stream", content_type="application/zip", first_part_bytes=5 * MIB) as out:
        for at in range(0, size, 999_999):
            out.write(data[at : at + 999_999])
    assert out.size_bytes == size
    assert bucket.read("results/stream", length=max(size, 1)) == data


def test_a_stream_that_breaks_off_leaves_nothing(bucket: Bucket, clients: Clients) -> None:
    with (
        pytest.raises(RuntimeError, match="broken"),
        ObjectWriter(bucket, "results/broken", content_type="x", first_part_bytes=5 * MIB) as out,
    ):
        out.write(bytes(16 * MIB))
        raise RuntimeError("broken")
    assert bucket.head("results/broken") is None
    assert not clients.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads")


def test_parts_are_put_together_or_refused(bucket: Bucket) -> None:
    upload = bucket.create_upload("results/parts")
    part = bucket.put_part("results/parts", upload, number=1, data=bytes(5 * MIB))
    assert [(found.number, found.size_bytes) for found in bucket.parts("results/parts", upload)] == [(1, 5 * MIB)]
    with pytest.raises(UploadRefused):
        bucket.complete_upload("results/parts", upload, [Part(number=1, etag='"0"')])
    bucket.complete_upload("results/parts", upload, [part])
    with pytest.raises(UploadMissing):
        bucket.parts("results/parts", upload)
    bucket.abort_upload("results/parts", upload)


def test_links_do_what_they_say_until_they_expire(bucket: Bucket) -> None:
    data = b"camera raw"
    link = bucket.upload_link("results/link", size_bytes=10, lifetime_s=60, sha256=hashlib.sha256(data).digest())
    assert httpx.put(link.url, content=b"camera row", headers=link.headers).status_code == 400
    assert httpx.put(link.url, content=data, headers=link.headers).status_code == 200
    read = bucket.download_link("results/link", lifetime_s=60, file_name="weiß.jpg")
    assert httpx.get(read.url).content == data
    assert httpx.get(read.url.replace("results/link", "results/stream")).status_code == 403
    assert httpx.get(bucket.download_link("results/link", lifetime_s=-1).url).status_code == 403


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.jpg", 'attachment; filename="a.jpg"'),
        ("weiß.jpg", "attachment; filename=\"wei_.jpg\"; filename*=UTF-8''wei%C3%9F.jpg"),
        ('a"b\r\n.jpg', "attachment; filename=\"a_b__.jpg\"; filename*=UTF-8''a%22b__.jpg"),
        ("../x", 'attachment; filename=".._x"'),
    ],
)
def test_a_download_is_saved_under_a_name_and_nothing_else(name: str, header: str) -> None:
    assert content_disposition(name) == header


def test_signed_links_live_as_long_as_they_say(clients: Clients, shared: Resources) -> None:
    downloads = download_signer(
        clients, role_arn=shared.download_signer_role_arn, bucket=shared.results_bucket, link_s=3600
    )
    life = downloads.lifetime()
    assert life.expires_in_s == 3600
    assert abs((life.expires_at - datetime.now(tz=UTC)).total_seconds() - 3600) < 5


def test_a_link_never_outlives_the_session_that_signs_it(
    clients: Clients, shared: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = upload_signer(clients, role_arn=shared.upload_signer_role_arn, bucket=shared.uploads_bucket, link_s=3600)
    assume = clients.sts.assume_role

    def shorter(**arguments: Any) -> Any:
        assert arguments["DurationSeconds"] == SESSION_S
        return assume(**{**arguments, "DurationSeconds": 900})

    monkeypatch.setattr(clients.sts, "assume_role", shorter)
    life = uploads.lifetime()
    assert life.expires_in_s <= 900
    url = uploads.bucket.upload_link("uploads/x", size_bytes=1, lifetime_s=life.expires_in_s).url
    assert f"X-Amz-Expires={life.expires_in_s}" in url


def test_a_session_is_taken_anew_when_it_is_old(clients: Clients, shared: Resources) -> None:
    def keys(renewed_after_s: float) -> list[str | None]:
        arn = shared.upload_signer_role_arn
        session = RoleSession(clients.sts, arn, session_name="test", renewed_after_s=renewed_after_s)
        return [session.get_frozen_credentials().access_key for _ in range(2)]

    assert len(set(keys(900))) == 1
    assert len(set(keys(-1))) == 2


def test_links_are_signed_by_the_session_of_the_role_not_by_the_key_of_the_task(
    aws: Aws, clients: Clients, shared: Resources
) -> None:
    signer = download_signer(clients, role_arn=shared.download_signer_role_arn, bucket=shared.results_bucket, link_s=60)
    url = signer.bucket.download_link("results/x", lifetime_s=60).url
    assert "X-Amz-Security-Token=" in url
    assert f"Credential={aws.address.access_key}" not in url


def test_messages_are_received_extended_returned_and_deleted(jobs: Queue) -> None:
    jobs.send("hello", attributes={"reason_code": "damaged"})
    (message,) = jobs.receive(wait_s=0)
    assert (message.body, message.receives, message.attributes) == ("hello", 1, {"reason_code": "damaged"})
    assert jobs.extend(message, hidden_s=60)
    assert jobs.receive(wait_s=0) == []
    assert jobs.depth().in_flight == 1
    assert jobs.give_back(message)
    (again,) = jobs.receive(wait_s=0)
    assert again.receives == 2
    assert jobs.delete(again)
    assert jobs.extend_many([again], hidden_s=60) == [again], "what was deleted is no longer ours"
    assert not jobs.give_back(again)


def test_any_number_is_sent_in_batches(jobs: Queue) -> None:
    assert jobs.send_many([str(number) for number in range(25)]) == list(range(25))
    bodies = set()
    while messages := jobs.receive(wait_s=0):
        bodies |= {message.body for message in messages}
    assert bodies == {str(number) for number in range(25)}


def test_entries_that_aws_did_not_take_are_sent_again(jobs: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _fail_entries(monkeypatch, jobs, rounds=1)
    assert jobs.send_many(["a", "b", "c"]) == [0, 1, 2]
    assert calls == [["a", "b", "c"], ["b", "c"]]


def test_what_aws_never_takes_is_left_out_of_what_was_sent(jobs: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_entries(monkeypatch, jobs, rounds=99)
    assert jobs.send_many(["a", "b", "c"]) == [0]
    with pytest.raises(AwsError, match="ServiceUnavailable"):
        jobs.send_many(["b"])


def test_a_queue_that_does_not_exist_is_an_error_that_names_it(clients: Clients, shared: Resources) -> None:
    nowhere = Queue(clients.sqs, shared.queue_url + "-nowhere")
    with pytest.raises(AwsError, match="-nowhere"):
        nowhere.receive(wait_s=0)
    with pytest.raises(AwsError):
        nowhere.send_many(["x"])


def test_every_call_has_a_time_limit_and_retries(clients: Clients) -> None:
    for client in (clients.s3, clients.sqs, clients.sts, clients.secrets):
        config: Any = client.meta.config
        assert config.connect_timeout <= 5
        assert config.read_timeout <= 60
        assert config.retries["mode"] == "standard"
        assert config.retries["total_max_attempts"] >= 3
    polling: Any = clients.sqs.meta.config
    assert polling.read_timeout > queue_module.LONGEST_POLL_S


def _fail_entries(monkeypatch: pytest.MonkeyPatch, jobs: Queue, *, rounds: int) -> list[list[str]]:
    """AWS takes `a` alone, for so many rounds."""
    monkeypatch.setattr(queue_module, "_PAUSE_S", 0)
    send, calls = jobs._client.send_message_batch, []

    def partly(*, QueueUrl: str, Entries: Sequence[Any]) -> Any:  # noqa: N803 - boto3's names
        calls.append([entry["MessageBody"] for entry in Entries])
        if len(calls) > rounds:
            return send(QueueUrl=QueueUrl, Entries=Entries)
        fault = {"Code": "ServiceUnavailable", "SenderFault": False}
        failed = [{"Id": entry["Id"], **fault} for entry in Entries if entry["MessageBody"] != "a"]
        return {"Successful": [{"Id": e["Id"]} for e in Entries if e["MessageBody"] == "a"], "Failed": failed}

    monkeypatch.setattr(jobs._client, "send_message_batch", partly)
    return calls


def test_a_secret_that_cannot_be_read_is_told_as_every_other_trouble_with_aws(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AwsError, match="GetSecretValue rawmill/none: ResourceNotFoundException"):
        Secrets(region=clients.region).text("rawmill/none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsAway, match="GetSecretValue rawmill/none"):
        Secrets(region=clients.region).text("rawmill/none")
