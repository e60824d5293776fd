"""`python -m client`."""

import os
import signal
import sys
from types import FrameType

from client.cli.common import EXIT_INTERRUPTED
from client.cli.main import main

_interrupted = False


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """First, end in order: what is under way stops at its next block. The second time, end: all that counts is kept."""
    global _interrupted  # noqa: PLW0603 - of the process, as signals are
    if _interrupted:
        os._exit(EXIT_INTERRUPTED)
    _interrupted = True
    raise KeyboardInterrupt


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.exit(main())
