"""When a failed image is tried again, when it is given up, and how long it waits in between."""

import random
from dataclasses import dataclass

from processor.errors import ReasonCode
from service.jobs.reasons import ServiceReason

PERMANENT = frozenset(
    {
        ReasonCode.UNSUPPORTED_CODEC,
        ReasonCode.TRUNCATED,
        ReasonCode.DAMAGED,
        ReasonCode.TOO_LARGE,
        ReasonCode.NOT_AN_IMAGE,
        ReasonCode.FILTER_FAILED,
        ServiceReason.ORIGINAL_MISSING,
        ServiceReason.UPLOAD_MISMATCH,
        ServiceReason.WORKER_LOST,
    }
)
"""The file or the recipe is at fault: another try would end the same way. Every other reason may pass."""

_FIRST_SHARE = 1 / 30
_FACTOR = 4
_JITTER = 0.25
_OUTAGE_SHARE = 0.5
LONGEST_WAIT_S = 43_200
"""SQS hides no message for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Decides about failures.

    Attributes:
        max_attempts: tries of one image; the queue's maxReceiveCount.
        visibility_timeout_s: the queue's. The first wait is a thirtieth of it, every further one four times as long:
            30 s and 120 s at 900 s.
    """

    max_attempts: int
    visibility_timeout_s: int

    def wait_s(self, code: str, *, attempts: int) -> int | None:
        """Seconds until the next try of an image that has failed `attempts` times, None when it is given up."""
        if code in PERMANENT or attempts >= self.max_attempts:
            return None
        base_s = self.usual_wait_s(attempts=attempts)
        # Images that failed together, as in an outage, do not come back together.
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        return max(1, min(self.visibility_timeout_s, LONGEST_WAIT_S, round(base_s * spread)))

    def usual_wait_s(self, *, attempts: int) -> float:
        """What the waits after so many failures are spread around."""
        return float(self.visibility_timeout_s * _FIRST_SHARE * _FACTOR ** (attempts - 1))

    def outage_wait_s(self, waited_s: float) -> int:
        """Seconds until the next try after an outage, which is no try: the longer it has waited already, the longer.

        It is never given up. Half of the time that has passed is a wait that grows by half each time, up to the
        visibility timeout; the job's lifetime ends it.
        """
        first_s = self.visibility_timeout_s * _FIRST_SHARE
        spread = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        wait_s = max(first_s, waited_s * _OUTAGE_SHARE) * spread
        return max(1, min(self.visibility_timeout_s, LONGEST_WAIT_S, round(wait_s)))
