"""The Messaging stack: no message is lost, none goes round for ever, and whoever is to hear of trouble does."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.settings import Settings
from tests.stacks.configurations import configurations
from tests.stacks.template import Resource, Template

Templates = Callable[[str, str], Template]
QUEUES = ("JobQueue", "DeadLetterQueue")
DAY_S = 86_400


@pytest.fixture(params=sorted(configurations()))
def configuration(request: pytest.FixtureRequest) -> Settings:
    """One configuration after the other."""
    return configurations()[request.param]


@pytest.fixture
def messaging(configuration: Settings, template_of: Templates) -> Template:
    """The Messaging template of one configuration after the other."""
    return template_of("Messaging", configuration.name)


@pytest.fixture
def prod(template_of: Templates) -> Template:
    """The Messaging template of production."""
    return template_of("Messaging", "prod")


def _queue(template: Template, logical_id: str) -> Resource:
    return template.all("AWS::SQS::Queue")[logical_id]


def _statements(template: Template, kind: str) -> list[dict[str, Any]]:
    policies = template.all(kind).values()
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_the_queues_and_the_topic_keep_their_logical_ids(messaging: Template) -> None:
    assert set(messaging.all("AWS::SQS::Queue")) == set(QUEUES)
    assert set(messaging.all("AWS::SNS::Topic")) == {"AlarmTopic"}


def test_production_gives_an_image_three_times_fifteen_minutes(prod: Template) -> None:
    queue = _queue(prod, "JobQueue")
    assert queue["VisibilityTimeout"] == 900
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert queue["MessageRetentionPeriod"] == 4 * DAY_S
    assert _queue(prod, "DeadLetterQueue")["MessageRetentionPeriod"] == 14 * DAY_S


def test_the_settings_decide_how_often_and_how_long(messaging: Template, configuration: Settings) -> None:
    queue, expected = _queue(messaging, "JobQueue"), configuration.messaging
    assert queue["VisibilityTimeout"] == expected.visibility_timeout_s
    assert queue["MessageRetentionPeriod"] == expected.retention_days * DAY_S
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": expected.max_receive_count,
    }
    dead = _queue(messaging, "DeadLetterQueue")["MessageRetentionPeriod"]
    assert dead == expected.dead_letter_retention_days * DAY_S


def test_a_dead_letter_goes_nowhere_else(messaging: Template) -> None:
    assert "RedrivePolicy" not in _queue(messaging, "DeadLetterQueue")


def test_nothing_s_dead_letters_become_jobs(messaging: Template) -> None:
    assert _queue(messaging, "JobQueue")["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}


def test_an_idle_worker_waits_for_a_message_rather_than_asking_again(messaging: Template) -> None:
    assert _queue(messaging, "JobQueue")["ReceiveMessageWaitTimeSeconds"] == 20


@pytest.mark.parametrize("logical_id", QUEUES)
def test_a_queue_has_no_name_of_ours_and_the_data_key(messaging: Template, logical_id: str) -> None:
    queue = _queue(messaging, logical_id)
    assert "QueueName" not in queue
    assert "DataKey" in queue["KmsMasterKeyId"]["Fn::ImportValue"]


@pytest.mark.parametrize("logical_id", QUEUES)
def test_a_queue_answers_over_tls_only_and_lets_nobody_in_by_its_policy(messaging: Template, logical_id: str) -> None:
    arn = {"Fn::GetAtt": [logical_id, "Arn"]}
    statements = [item for item in _statements(messaging, "AWS::SQS::QueuePolicy") if item["Resource"] == arn]
    assert [(item["Effect"], item["Action"], item["Condition"]) for item in statements] == [
        ("Deny", "sqs:*", {"Bool": {"aws:SecureTransport": "false"}})
    ]


def test_a_protected_environment_keeps_its_queues_with_their_policies(
    messaging: Template, configuration: Settings
) -> None:
    kinds = ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy")
    resources = messaging.content["Resources"].values()
    policies = [resource["DeletionPolicy"] for resource in resources if resource["Type"] in kinds]
    assert policies == ["Retain" if configuration.termination_protection else "Delete"] * 4


def test_alarms_events_and_budgets_of_this_account_may_publish_over_tls(messaging: Template) -> None:
    denied, allowed = _statements(messaging, "AWS::SNS::TopicPolicy")
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", "sns:Publish")
    assert allowed["Principal"] == {
        "Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"]
    }
    assert list(allowed["Condition"]["StringEquals"]) == ["aws:SourceAccount"]


def test_whoever_may_publish_may_use_the_topic_s_key(template_of: Templates) -> None:
    """SNS asks for the key in the publisher's name; without it alarms are lost and nobody is told."""
    _, allowed = _statements(template_of("Messaging", "prod"), "AWS::SNS::TopicPolicy")
    key = template_of("Data", "prod").only("AWS::KMS::Key")
    users: set[str] = set()
    for statement in key["KeyPolicy"]["Statement"]:
        topics = statement.get("Condition", {}).get("ArnLike", {}).get("kms:EncryptionContext:aws:sns:topicArn")
        if topics is not None:
            assert json.dumps(topics).count(":rawmill-prod-messaging-*") == 1
            assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
            services = statement["Principal"]["Service"]
            users |= {services} if isinstance(services, str) else set(services)
    assert users == set(allowed["Principal"]["Service"])


def test_the_key_s_condition_covers_the_name_that_cloudformation_gives_the_topic(
    messaging: Template, configuration: Settings
) -> None:
    assert "TopicName" not in messaging.only("AWS::SNS::Topic")
    assert messaging.content["Description"] == f"Rawmill {configuration.name}: messaging"


def test_every_address_of_the_settings_is_subscribed(messaging: Template, configuration: Settings) -> None:
    subscriptions = messaging.all("AWS::SNS::Subscription").values()
    assert {(item["Protocol"], item["Endpoint"]) for item in subscriptions} == {
        ("email", address) for address in configuration.observability.alarm_emails
    }
    assert all(item["TopicArn"] == {"Ref": "AlarmTopic"} for item in subscriptions)


def test_production_s_alarms_are_heard_by_somebody(prod: Template) -> None:
    assert prod.all("AWS::SNS::Subscription")
