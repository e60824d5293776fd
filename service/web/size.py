"""How much one web task does at a time. The database pool of a process is as large as its threads are many."""

import os
import resource

THREADS = 16
"""Requests that one process answers at once; most of the time they wait for the database or for storage."""
STREAMS = 6
"""Event streams that one process keeps open at once, each on a thread of its own; the rest stays free for requests."""

CONNECTIONS = 1000
"""Of clients that one process holds: few have a thread, the others are idle, on their way, or slow."""
OPEN_FILES = CONNECTIONS + 1000
"""Connections and all else that a process has open."""


def open_files() -> None:
    """Lets this process and its children have them open, as far as the system allows: it begins with 1024 at times."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def processes() -> int:
    """One process a core, and two at least: one that starts anew must not stop the service."""
    return max(2, min(8, len(os.sched_getaffinity(0))))
