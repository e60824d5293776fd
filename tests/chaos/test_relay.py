"""The relay in front of AWS: without rules nothing changes, signatures hold; with them each failure is what it says."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ReadTimeoutError

from chaos.field import wait_until
from chaos.relay.rules import Kind, Rule
from local.aws.endpoints import ROOT
from local.ports import free_port, is_open
from tests.platform import Aws, Resources

_CONFIG = Config(
    retries={"total_max_attempts": 1}, read_timeout=2, s3={"addressing_style": "path"}, signature_version="s3v4"
)
Break = Callable[..., int]


@contextmanager
def relay(aws: Aws) -> Iterator[tuple[int, Break]]:
    """A relay: its port, and what sets its rules and returns how many requests the last ones hit."""
    port, control = free_port(), free_port()
    command = [sys.executable, "-m", "chaos.relay.faulty", str(port), str(aws.address.port), str(control)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            wait_until(lambda: is_open(port) and is_open(control), within_s=60, what="the relay listens")

            def set_rules(*rules: Rule) -> int:
                url = f"http://127.0.0.1:{control}"
                hits = sum(httpx.get(url).json().values())
                httpx.put(url, json=[rule.as_json() for rule in rules])
                return int(hits)

            yield port, set_rules
        finally:
            process.terminate()


def test_a_relay_passes_everything_and_fails_as_it_is_told(aws: Aws, resources: Resources) -> None:
    with relay(aws) as (port, set_rules):
        through = Aws(replace(aws.address, port=port))
        made: dict[str, Any] = {"endpoint_url": through.endpoint, "config": _CONFIG}
        session: boto3.Session = through.session
        s3, sqs = session.client("s3", **made), session.client("sqs", **made)
        body = bytes(range(256)) * 2000
        place: dict[str, Any] = {"Bucket": resources.uploads_bucket, "Key": "uploads/a b.dng"}

        s3.put_object(Body=body, **place)
        assert s3.get_object(**place)["Body"].read() == body
        link = s3.generate_presigned_url("get_object", Params=place, ExpiresIn=60)
        assert httpx.get(link).content == body, "the signature covers the relay's own address"
        put = s3.generate_presigned_url("put_object", Params=place, ExpiresIn=60)
        assert httpx.put(put, content=body).status_code == 200
        assert set_rules() == 0

        set_rules(Rule(kind=Kind.STATUS, service="s3", status=503, code="SlowDown"))
        with pytest.raises(ClientError, match="SlowDown"):
            s3.get_object(**place)
        sqs.send_message(QueueUrl=resources.queue_url, MessageBody="not hit")
        assert httpx.get(link).status_code == 503, "a link is storage, too"

        assert set_rules(Rule(kind=Kind.STATUS, service="sqs", status=403, code="RequestThrottled")) == 2
        with pytest.raises(ClientError, match="RequestThrottled"):
            sqs.send_message(QueueUrl=resources.queue_url, MessageBody="hit")

        set_rules(Rule(kind=Kind.HALF, service="s3", operations=("GET",)))
        with pytest.raises((BotoCoreError, OSError)):
            s3.get_object(**place)["Body"].read()

        set_rules(Rule(kind=Kind.RESET, service="s3"))
        with pytest.raises(HTTPClientError):
            s3.get_object(**place)

        set_rules(Rule(kind=Kind.TIMEOUT, service="s3"))
        with pytest.raises(ReadTimeoutError):
            s3.get_object(**place)

        set_rules(Rule(kind=Kind.ANSWER_LOST, service="sqs"))
        with pytest.raises(HTTPClientError):
            sqs.send_message(QueueUrl=resources.queue_url, MessageBody="done all the same")
        set_rules()
        messages = sqs.receive_message(QueueUrl=resources.queue_url, MaxNumberOfMessages=10)["Messages"]
        assert {message["Body"] for message in messages} == {"not hit", "done all the same"}


def test_a_share_of_the_requests_is_hit_and_operations_are_told_apart() -> None:
    rule = Rule(kind=Kind.LATE, service="s3", operations=("GET",), share=0.4)
    hits = sum(rule.hits("s3", "GET") for _ in range(2000))
    assert 600 < hits < 1000
    assert not any(rule.hits("s3", "PUT") or rule.hits("sqs", "GET") for _ in range(100))
    assert Rule.of(rule.as_json()) == rule
