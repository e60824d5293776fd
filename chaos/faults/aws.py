"""Storage and queue that fail in every way that clients of AWS have to expect, for a share of the requests."""

import signal
import time
from collections.abc import Sequence
from typing import ClassVar

from chaos.faults import Fault, fault
from chaos.field import Field, wait_until
from chaos.fleet import send_signal
from chaos.relay.rules import Kind, Rule

_SHARE = 0.4
"""So many requests fail that the retries of boto3 do not hide all of it."""
_ZONE = "b"
_ASKED_WITHIN_S = 60.0


class _Aws(Fault):
    """Rules of the relay, as long as the fault lasts."""

    rules: ClassVar[Sequence[Rule]]
    lasts_s = 8.0

    def inject(self, target: Field) -> None:
        target.break_aws(self.rules)
        time.sleep(self.lasts_s)

    def hits(self, target: Field) -> int:
        return target.hits()

    def heal(self, target: Field) -> None:
        target.break_aws([])


@fault
class StorageErrors(_Aws):
    name = "storage 500"
    what = "storage answers 500 InternalError to 40 % of the requests"
    rules = (Rule(kind=Kind.STATUS, service="s3", share=_SHARE),)


@fault
class StorageSlowDown(_Aws):
    name = "storage 503"
    what = "storage answers 503 SlowDown to every request"
    rules = (Rule(kind=Kind.STATUS, service="s3", status=503, code="SlowDown"),)


@fault
class StorageResets(_Aws):
    name = "storage resets"
    what = "40 % of the connections to storage are reset before, 20 % after the request was done"
    rules = (
        Rule(kind=Kind.RESET, service="s3", share=_SHARE),
        Rule(kind=Kind.ANSWER_LOST, service="s3", share=_SHARE / 2),
    )


@fault
class StorageHalves(_Aws):
    name = "storage half bodies"
    what = "40 % of the downloads end after half of their bytes"
    rules = (Rule(kind=Kind.HALF, service="s3", operations=("GET",), share=_SHARE),)


@fault
class StorageTimeouts(_Aws):
    name = "storage time-outs"
    what = "20 % of the requests to storage are never answered"
    rules = (Rule(kind=Kind.TIMEOUT, service="s3", share=_SHARE / 2),)


@fault
class StorageLate(_Aws):
    name = "storage 5 s late"
    what = "40 % of the requests to storage take 5 s more"
    rules = (Rule(kind=Kind.LATE, service="s3", share=_SHARE, late_s=5.0),)


@fault
class QueueErrors(_Aws):
    name = "queue 500"
    what = "the queue answers 500 to 40 % of the requests"
    rules = (Rule(kind=Kind.STATUS, service="sqs", share=_SHARE, code="InternalFailure"),)


@fault
class QueueThrottled(_Aws):
    name = "queue throttled"
    what = "the queue answers 403 RequestThrottled to every request"
    rules = (Rule(kind=Kind.STATUS, service="sqs", status=403, code="RequestThrottled"),)


@fault
class QueueResets(_Aws):
    name = "queue resets"
    what = "40 % of the connections to the queue are reset before, 20 % after the request was done"
    rules = (
        Rule(kind=Kind.RESET, service="sqs", share=_SHARE),
        Rule(kind=Kind.ANSWER_LOST, service="sqs", share=_SHARE / 2),
    )


@fault
class QueueHalves(_Aws):
    name = "queue half bodies"
    what = "40 % of the answers of the queue end after half of their bytes"
    rules = (Rule(kind=Kind.HALF, service="sqs", share=_SHARE),)


@fault
class QueueTimeouts(_Aws):
    name = "queue time-outs"
    what = "20 % of the requests to the queue are never answered"
    rules = (Rule(kind=Kind.TIMEOUT, service="sqs", share=_SHARE / 2),)


@fault
class QueueLate(_Aws):
    name = "queue 5 s late"
    what = "40 % of the requests to the queue take 5 s more"
    rules = (Rule(kind=Kind.LATE, service="sqs", share=_SHARE, late_s=5.0),)


@fault
class SignersErrors(_Aws):
    name = "roles and secrets 500"
    what = "STS and Secrets Manager answer 500 to every request, while the tasks of one zone are killed and start anew"
    rules = (
        Rule(kind=Kind.STATUS, service="sts", code="InternalFailure"),
        Rule(kind=Kind.STATUS, service="secretsmanager", code="InternalServiceError"),
    )

    def inject(self, target: Field) -> None:
        target.break_aws(self.rules)
        # Tasks that run have credentials and a password for a while yet; those that start ask for them.
        for task in target.fleet.running(zone=_ZONE):
            send_signal(task.pid, signal.SIGKILL)
        wait_until(lambda: self.hits(target) > 0, within_s=_ASKED_WITHIN_S, what="a new task asks for its credentials")
        time.sleep(self.lasts_s)
