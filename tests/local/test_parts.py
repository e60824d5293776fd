"""The servers that tests and the local platform share."""

import json

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.session_store import SessionStore
from tests.platform import Aws, Database, Resources


def test_a_fresh_database_opens_with_the_user_and_password_of_its_secret(aws: Aws, empty_database: Database) -> None:
    secret = json.loads(aws.secrets.get_secret_value(SecretId=empty_database.secret_arn)["SecretString"])
    assert secret == {"username": empty_database.user, "password": empty_database.password}
    with psycopg.connect(empty_database.url) as connection:
        connection.execute("CREATE TABLE mine (id int)")


def test_a_database_refuses_a_wrong_password(empty_database: Database) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(empty_database.url.replace(empty_database.password, "guess"))


def test_the_session_store_refuses_whoever_has_no_password(session_store: SessionStore) -> None:
    assert redis.Redis.from_url(session_store.url).ping()
    stranger = redis.Redis(host=session_store.host, port=session_store.port, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_a_message_received_too_often_moves_to_the_dead_letter_queue(aws: Aws, resources: Resources) -> None:
    aws.sqs.send_message(QueueUrl=resources.queue_url, MessageBody="{}")
    for _ in range(3):
        received = aws.sqs.receive_message(QueueUrl=resources.queue_url, VisibilityTimeout=0)
        assert len(received["Messages"]) == 1
    assert "Messages" not in aws.sqs.receive_message(QueueUrl=resources.queue_url)
    assert len(aws.sqs.receive_message(QueueUrl=resources.dead_letter_queue_url)["Messages"]) == 1
