"""Something that goes on in threads while something else is done."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Background:
    """Its jobs run from the beginning of the context to its end: each returns soon after `_over` is set."""

    def __init__(self, name: str, *jobs: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=job, name=name, daemon=True) for job in jobs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
