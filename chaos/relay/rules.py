"""What a relay does to the requests that pass it: rules, and the answers of AWS that they stand for."""

import json
import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self
from uuid import uuid4


class Kind(StrEnum):
    """What happens to a request."""

    STATUS = "status"
    """It is answered with an error of AWS and never arrives."""
    TIMEOUT = "timeout"
    """It arrives nowhere and is never answered."""
    RESET = "reset"
    """Its connection is reset."""
    HALF = "half"
    """Half of the answer's body arrives, then the connection is reset."""
    ANSWER_LOST = "answer_lost"
    """It is done, and the connection is reset before the answer."""
    LATE = "late"
    """It is relayed after a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to which requests.

    Attributes:
        service: as requests are signed for: `s3`, `sqs`, `secretsmanager`, `sts`.
        operations: names of operations, or for storage methods; empty: all.
        share: of these requests that it happens to, 0 to 1.
        status, code: of `STATUS`.
        late_s: of `LATE`.
    """

    kind: Kind
    service: str
    operations: tuple[str, ...] = ()
    share: float = 1.0
    status: int = 500
    code: str = "InternalError"
    late_s: float = 0.0

    def hits(self, service: str, operation: str) -> bool:
        """Whether it happens to this request."""
        named = self.service == service and (not self.operations or operation in self.operations)
        return named and random.random() < self.share

    def answer(self) -> bytes:
        """The error as the service would send it."""
        if self.service == "s3":
            kind = "application/xml"
            text = f"<Error><Code>{self.code}</Code><Message>made by a test</Message></Error>"
            body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
        else:
            kind = "application/x-amz-json-1.0"
            body = json.dumps(
                {"__type": f"com.amazonaws.{self.service}#{self.code}", "message": "made by a test"}
            ).encode()
        head = (
            f"HTTP/1.1 {self.status} Error\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"x-amzn-RequestId: {uuid4()}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body

    def as_json(self) -> dict[str, Any]:
        """As `of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """A rule that was sent as JSON."""
        return cls(**{**fields, "kind": Kind(fields["kind"]), "operations": tuple(fields["operations"])})
