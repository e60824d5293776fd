"""One switch that ends everything a client does, in all its threads, soon and without losing what is done."""

import threading

from client.errors import Interrupted


class Stop:
    """Thrown by the main thread; seen by transfers between two blocks and by everything that waits."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def throw(self) -> None:
        """From now on `check` and `sleep` raise."""
        self._event.set()

    def check(self) -> None:
        """Nothing, or:

        Raises:
            Interrupted: the switch was thrown.
        """
        if self._event.is_set():
            raise Interrupted("interrupted")

    def sleep(self, seconds: float) -> None:
        """Waits, but not beyond the switch.

        Raises:
            Interrupted: the switch was thrown.
        """
        if self._event.wait(max(0.0, seconds)):
            raise Interrupted("interrupted")
