"""Becomes another program that ends when its parent does: `python tether.py SIGNAL PARENT PROGRAM ARGUMENT...`.

A platform that is killed hard cannot stop what it started; the kernel does it instead. Only the standard library, since
this file also runs before any environment is set up. Where the kernel has no such call the program just runs.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel for `SIGNAL` when the parent ends, then become the program."""
    number, parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        # The parent may have ended before the call.
        if os.getppid() != int(parent):
            os.kill(os.getpid(), signal.SIGKILL)
    os.execvp(command[0], command)  # noqa: S606 - a command of this package, never of a customer


if __name__ == "__main__":
    main(sys.argv[1:])
