"""Runs commands one after another and prints what all their processes cost. Standard library only, to stay small.

Small matters: the largest resident memory of a child begins at what its parent had when it was started. As a subreaper
it also inherits, and so counts, children that outlive the command, such as a fork server.
"""

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Reads a JSON list of commands from standard input; prints cpu_s, wall_s, peak_bytes and the exit codes."""
    commands: list[list[str]] = json.load(sys.stdin)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began_s = time.perf_counter()
    codes = [subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode for command in commands]
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "cpu_s": used.ru_utime + used.ru_stime,
                "wall_s": time.perf_counter() - began_s,
                "peak_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                "exit_codes": codes,
            }
        )
    )


if __name__ == "__main__":
    main()
