"""Starts processes for tests, and finds the workers of a batch so that they can be killed."""

from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from processor.batch.environment import start_context


def workers_of(pid: int) -> list[psutil.Process]:
    """Processes that the fork server of a batch's process has started."""
    found = []
    try:
        for child in psutil.Process(pid).children():
            if any("forkserver" in word for word in child.cmdline()):
                found += child.children()
    except psutil.NoSuchProcess:
        pass
    return found


def start(target: Callable[..., None], *args: Any) -> BaseProcess:
    """Run a function of a test module in a process of its own, started the way that workers are."""
    process: BaseProcess = start_context().Process(target=target, args=args)  # type: ignore[attr-defined]
    process.start()
    return process
