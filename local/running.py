"""Who runs a platform over a data folder: noted for a second `make up` and for `make down`."""

import json
from dataclasses import dataclass

import psutil
from filelock import FileLock, Timeout

from local.errors import LocalError, LocalReason
from local.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Running:
    """A platform that another process runs."""

    process: psutil.Process
    url: str


def note_running(layout: Layout, *, url: str) -> None:
    """Leave word that this process runs the platform."""
    process = psutil.Process()
    layout.running.write_text(json.dumps({"pid": process.pid, "started": process.create_time(), "url": url}))


def find_running(layout: Layout) -> Running | None:
    """The platform over this data, unless the process that noted itself is gone."""
    try:
        note = json.loads(layout.running.read_text())
        process = psutil.Process(note["pid"])
        if process.create_time() != note["started"]:
            return None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return Running(process=process, url=note["url"])


def stop_running(layout: Layout, *, timeout_s: float = 90) -> None:
    """Stop the platform that another process runs over this data, and wait until it is gone."""
    running = find_running(layout)
    if running is None:
        raise LocalError(LocalReason.NOT_RUNNING, f"no platform runs over {layout.root}")
    running.process.terminate()
    # The lock is given back last, when everything has stopped.
    lock = FileLock(layout.lock)
    try:
        lock.acquire(timeout=timeout_s)
        lock.release()
    except Timeout:
        message = f"the platform (process {running.process.pid}) has not stopped within {timeout_s:g} s"
        raise LocalError(LocalReason.NOT_READY, message) from None
