"""A queue of messages: receive, extend, give back, delete, send; batches whose failed entries are tried again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from service.aws.errors import AwsError, translated

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
    )

T = TypeVar("T")

BATCH = 10
"""The most entries of one batch call, and the most messages of one receive."""
LONGEST_POLL_S = 20
_ROUNDS = 4
_PAUSE_S = 0.2
_STALE = {
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "InvalidParameterValue",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message that was received and is hidden from others until its visibility timeout.

    Attributes:
        receipt: what extends, returns or deletes this delivery of the message; another delivery has another one.
        receives: how often it was received, this time included.
        sent_at: when it was sent.
    """

    message_id: str
    receipt: str
    body: str
    receives: int
    sent_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """How many messages there are, roughly, as SQS counts: waiting, being worked on, and delayed."""

    waiting: int
    in_flight: int
    delayed: int


class Queue:
    """One queue. Safe to share between threads.

    Every method raises `AwsError` when AWS cannot be reached or refuses.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self.url = url

    def receive(self, *, most: int = BATCH, wait_s: int = LONGEST_POLL_S, hidden_s: int | None = None) -> list[Message]:
        """Up to `most` (1 to 10) messages, after waiting for the first one at most `wait_s` (0 to 20) seconds.

        Args:
            most: how many to take; take only what can be worked on now.
            wait_s: 0 answers at once.
            hidden_s: how long they stay hidden from others; None takes the queue's own visibility timeout.
        """
        options: dict[str, Any] = {} if hidden_s is None else {"VisibilityTimeout": hidden_s}
        with translated("receive from", self.url):
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait_s,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
                **options,
            )
        return [_message(entry) for entry in answer.get("Messages", [])]

    def delete(self, message: Message) -> bool:
        """Removes a message for good; False when this delivery was no longer ours. Deleting twice is no error."""
        with translated("delete from", self.url):
            try:
                self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _STALE:
                    return False
                raise
        return True

    def extend(self, message: Message, *, hidden_s: int) -> bool:
        """Hides a message for another `hidden_s` seconds from now; False when this delivery is no longer ours."""
        return not self.extend_many([message], hidden_s=hidden_s)

    def extend_many(self, messages: Sequence[Message], *, hidden_s: int) -> list[Message]:
        """Hides all messages for another `hidden_s` seconds from now; returns those that are no longer ours.

        Raises:
            AwsError: also when entries still fail for AWS's own reasons after some tries.
        """
        lost: list[Message] = []

        def call(batch: Sequence[Message]) -> list[_Failure]:
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(at), "ReceiptHandle": message.receipt, "VisibilityTimeout": hidden_s}
                    for at, message in enumerate(batch)
                ],
            )
            failures = _failures(answer.get("Failed", []))
            stale = [failure for failure in failures if failure.code in _STALE]
            lost.extend(batch[failure.at] for failure in stale)
            return [failure for failure in failures if failure not in stale]

        self._in_batches("extend in", messages, call)
        return lost

    def give_back(self, message: Message, *, after_s: int = 0) -> bool:
        """Lets others receive the message, `after_s` seconds from now; False when it is no longer ours."""
        with translated("return to", self.url):
            try:
                self._client.change_message_visibility(
                    QueueUrl=self.url, ReceiptHandle=message.receipt, VisibilityTimeout=after_s
                )
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in _STALE:
                    return False
                raise
        return True

    def send(self, body: str, *, attributes: Mapping[str, str] | None = None, after_s: int = 0) -> str:
        """Sends one message, to be received `after_s` (0 to 900) seconds from now or later, and returns its id."""
        with translated("send to", self.url):
            return self._client.send_message(
                QueueUrl=self.url,
                MessageBody=body,
                MessageAttributes=_attributes(attributes),
                DelaySeconds=after_s,
            )["MessageId"]

    def send_many(self, bodies: Sequence[str]) -> list[int]:
        """Sends all, ten in a call; entries that AWS did not take are tried again some times.

        A message may arrive twice, as always with this kind of queue.

        Returns:
            positions of the bodies that were sent, in their order: all, unless AWS is in trouble. Callers mark these
            and leave the rest to the next round.

        Raises:
            AwsError: nothing at all was sent.
        """
        sent: list[int] = []
        trouble: AwsError | None = None

        def call(batch: Sequence[int]) -> list[_Failure]:
            answer = self._client.send_message_batch(
                QueueUrl=self.url,
                Entries=[{"Id": str(at), "MessageBody": bodies[position]} for at, position in enumerate(batch)],
            )
            sent.extend(batch[int(entry["Id"])] for entry in answer.get("Successful", []))
            return _failures(answer.get("Failed", []))

        for batch in _batches(range(len(bodies))):
            try:
                self._in_batches("send to", batch, call)
            except AwsError as error:
                trouble = error
                break
        if trouble is not None and not sent:
            raise trouble
        return sorted(sent)

    def depth(self) -> Depth:
        """How full the queue is."""
        with translated("read the attributes of", self.url):
            found = self._client.get_queue_attributes(
                QueueUrl=self.url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )["Attributes"]
        return Depth(
            waiting=int(found["ApproximateNumberOfMessages"]),
            in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(found.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def _in_batches(self, operation: str, items: Sequence[T], call: Callable[[Sequence[T]], list["_Failure"]]) -> None:
        """Calls with ten items at a time; those that failed for AWS's own reasons are tried again after a pause."""
        for batch in _batches(items):
            left: Sequence[T] = batch
            for round_ in range(_ROUNDS):
                if round_ > 0:
                    time.sleep(_PAUSE_S * 2 ** (round_ - 1))
                with translated(operation, self.url):
                    failures = call(left)
                if not failures:
                    break
                refused = [failure for failure in failures if failure.senders_fault]
                if refused or round_ == _ROUNDS - 1:
                    worst = (refused or failures)[0]
                    raise AwsError(f"{operation} {self.url}: {len(failures)} refused: {worst.code}: {worst.message}")
                left = [left[failure.at] for failure in failures]


@dataclass(frozen=True, slots=True)
class _Failure:
    at: int
    code: str
    message: str
    senders_fault: bool


def _failures(entries: Sequence["BatchResultErrorEntryTypeDef"]) -> list[_Failure]:
    return [
        _Failure(int(entry["Id"]), entry["Code"], entry.get("Message", ""), entry["SenderFault"]) for entry in entries
    ]


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[at : at + BATCH] for at in range(0, len(items), BATCH))


def _attributes(attributes: Mapping[str, str] | None) -> dict[str, "MessageAttributeValueTypeDef"]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}


def _message(entry: "MessageTypeDef") -> Message:
    system = entry["Attributes"]
    return Message(
        message_id=entry["MessageId"],
        receipt=entry["ReceiptHandle"],
        body=entry["Body"],
        receives=int(system["ApproximateReceiveCount"]),
        sent_at=_moment(system["SentTimestamp"]),
        attributes={name: value.get("StringValue", "") for name, value in entry.get("MessageAttributes", {}).items()},
    )


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC)
