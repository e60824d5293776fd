"""The AWS endpoints: what was stored is there after a stop, and after a hard kill."""

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psutil

from local.aws.endpoints import AwsEndpoints
from local.clients import Clients
from tests.waiting import wait_until


def _endpoints(folder: Path, port: int | None = None) -> AwsEndpoints:
    return AwsEndpoints(folder / "aws", log=folder / "aws.log", port=port)


def _fill(clients: Clients) -> str:
    """A message, an object and a parameter; the queue's URL."""
    clients.s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    clients.s3.put_object(Bucket="kept", Key="object", Body=b"raw")
    clients.ssm.put_parameter(Name="kept", Value="parameter", Type="String")
    queue = clients.sqs.create_queue(QueueName="kept")["QueueUrl"]
    clients.sqs.send_message(QueueUrl=queue, MessageBody="the last message")
    return str(queue)


def _is_there(clients: Clients, queue: str) -> None:
    assert clients.s3.get_object(Bucket="kept", Key="object")["Body"].read() == b"raw"
    assert clients.ssm.get_parameter(Name="kept")["Parameter"]["Value"] == "parameter"
    [message] = clients.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "the last message"


def test_everything_is_there_after_an_orderly_stop(tmp_path: Path) -> None:
    with _endpoints(tmp_path) as endpoints:
        queue = _fill(Clients(endpoints.address))
        port = endpoints.address.port
    with _endpoints(tmp_path, port) as endpoints:
        _is_there(Clients(endpoints.address), queue)


def test_what_was_written_once_a_second_survives_a_hard_kill(tmp_path: Path) -> None:
    with _endpoints(tmp_path) as endpoints:
        queue = _fill(Clients(endpoints.address))
        state = tmp_path / "aws" / "state" / "sqs.json"
        wait_until(lambda: state.exists() and "the last message" in state.read_text())
        os.killpg(endpoints.process.pid, signal.SIGKILL)
        port = endpoints.address.port
    with _endpoints(tmp_path, port) as endpoints:
        _is_there(Clients(endpoints.address), queue)


def test_a_link_lets_a_stranger_in_where_a_plain_address_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "aws"
    with AwsEndpoints(folder, log=tmp_path / "log", persistent=False, enforcing=True) as endpoints:
        clients = Clients(endpoints.address)
        _fill(clients)
        link = clients.s3.generate_presigned_url("get_object", Params={"Bucket": "kept", "Key": "object"})
        assert httpx.get(link).content == b"raw"
        assert httpx.get(link.partition("?")[0]).status_code == 403


def test_what_is_stored_in_a_versioned_bucket_is_kept_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    with _endpoints(tmp_path) as endpoints:
        s3 = _versioned_bucket(endpoints)
        process = psutil.Process(endpoints.process.pid)
        before_bytes = process.memory_info().rss
        for number in range(48):
            s3.put_object(Bucket="versions", Key=f"original-{number}", Body=os.urandom(4 << 20))
        grown_bytes = process.memory_info().rss - before_bytes
    assert grown_bytes < 48 * (4 << 20) // 2


def test_every_version_is_read_back_as_it_was_written_whatever_came_after_it(tmp_path: Path) -> None:
    with _endpoints(tmp_path) as endpoints:
        s3 = _versioned_bucket(endpoints)
        bodies = [b"first", b"second", b"third"]
        versions = [s3.put_object(Bucket="versions", Key="object", Body=body)["VersionId"] for body in bodies]
        marker = s3.delete_object(Bucket="versions", Key="object")["VersionId"]
        read = [s3.get_object(Bucket="versions", Key="object", VersionId=each)["Body"].read() for each in versions]
        assert read == bodies
        s3.delete_object(Bucket="versions", Key="object", VersionId=marker)
        assert s3.get_object(Bucket="versions", Key="object")["Body"].read() == b"third"
        s3.delete_object(Bucket="versions", Key="object", VersionId=versions[2])
        assert s3.get_object(Bucket="versions", Key="object")["Body"].read() == b"second"
        s3.copy_object(Bucket="versions", Key="copy", CopySource={"Bucket": "versions", "Key": "object"})
        assert s3.get_object(Bucket="versions", Key="copy")["Body"].read() == b"second"


def _versioned_bucket(endpoints: AwsEndpoints) -> Any:
    s3 = Clients(endpoints.address).s3
    s3.create_bucket(Bucket="versions", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    return s3
