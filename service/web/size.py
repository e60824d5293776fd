"""How much one web task does at a time. The database pool of a process is as large as its threads are many."""

import os

THREADS = 16
"""Requests that one process answers at once; most of the time they wait for the database or for storage."""
STREAMS = 6
"""Event streams that one process keeps open at once, each on a thread of its own; the rest stays free for requests."""


def processes() -> int:
    """One process a core, and two at least: one that starts anew must not stop the service."""
    return max(2, min(8, len(os.sched_getaffinity(0))))
