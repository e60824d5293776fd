"""Container health checks, with the standard library only: `python -m service.check web | worker`.

`python -m service.check isolation` says what decoders are kept from on this machine.
"""

import http.client
import os
import sys
import time
from pathlib import Path

TIMEOUT_S = 4.0
"""Below ECS' own 5 s, so that it is told why."""
HEARTBEAT = "heartbeat"
"""The file in the scratch folder that a worker touches while its loop turns."""
HEARTBEAT_MAX_AGE_S = 60.0


def web(port: int) -> str | None:
    """What is wrong with the web task, or None when it answers `GET /health/` with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/", headers={"Host": "127.0.0.1"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"GET /health/ on port {port}: {error}"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"GET /health/ on port {port}: {status}; it must be 200"


def worker(scratch: Path) -> str | None:
    """What is wrong with the worker, or None when its heartbeat is young."""
    file = scratch / HEARTBEAT
    try:
        age_s = time.time() - file.stat().st_mtime
    except OSError as error:
        return f"heartbeat {file}: {error.strerror}"
    if age_s > HEARTBEAT_MAX_AGE_S:
        return f"heartbeat {file}: {age_s:.0f} s old; it must be younger than {HEARTBEAT_MAX_AGE_S:.0f} s"
    return None


def isolation() -> str | None:
    """Print what decoders are kept from here; what is missing, or None when nothing is."""
    from processor.isolation.sandbox import protection  # noqa: PLC0415 - health checks do without

    found = protection()
    for name in ("network", "programs", "processes", "files", "limits"):
        print(f"{name:10} {'closed' if getattr(found, name) else 'OPEN'}")
    return "\n".join(found.missing) or None


def main(arguments: list[str]) -> int:
    """Exit code 0 healthy, 1 not, 2 wrong call."""
    try:
        match arguments:
            case ["web"]:
                fault = web(int(os.environ["RAWMILL_PORT"]))
            case ["worker"]:
                fault = worker(Path(os.environ["RAWMILL_SCRATCH"]))
            case ["isolation"]:
                fault = isolation()
            case _:
                print("usage: python -m service.check web | worker | isolation", file=sys.stderr)
                return 2
    except (KeyError, ValueError) as error:
        print(f"environment: {error}", file=sys.stderr)
        return 2
    if fault is not None:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
