"""Trying again, with growing pauses, for as long as the function's own time allows."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError, HTTPClientError
from decision import THROTTLED, reason_code

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
SERVER_FAULT = 500

Answer = TypeVar("Answer")


class Patience:
    """A deadline, and what may be waited for until then."""

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._deadline = clock() + seconds
        self._pauses = 0

    def wait(self) -> bool:
        """Pause before another try; False, at once, when the time does not allow one."""
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._pauses)
        # Between half and all of it, so that runs which were refused together do not come back together.
        pause = longest * random.uniform(0.5, 1)  # noqa: S311
        if self._clock() + pause >= self._deadline:
            return False
        self._pauses += 1
        self._sleep(pause)
        return True

    def call(self, request: Callable[[], Answer]) -> Answer:
        """The answer of a request that may safely be repeated.

        Raises:
            ClientError, HTTPClientError: the last refusal, when it is not worth another try or time is up.
        """
        while True:
            try:
                answer = request()
            except (ClientError, HTTPClientError) as error:
                if not is_passing(error) or not self.wait():
                    raise
            else:
                self._pauses = 0
                return answer


def is_passing(error: ClientError | HTTPClientError) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, HTTPClientError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= SERVER_FAULT or reason_code(str(error)) == THROTTLED
