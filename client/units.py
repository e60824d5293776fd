"""Runs work lazily on a few threads: never more in hand than asked for, results as they come."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from client.stop import Stop

Work = TypeVar("Work")
Result = TypeVar("Result")

AHEAD = 2
"""Pieces of work in hand for each thread: one that runs and one that waits, so that no thread idles."""


def run_lazily(
    work: Iterable[Work], do: Callable[[Work], Result], *, parallel: int, stop: Stop
) -> Generator[Result, None, None]:
    """Results in the order of completion. Work is drawn only as threads come free, so it may be endless.

    Leaving the iteration, by an error or by Ctrl-C, throws the switch; what runs ends at its next look at it.

    Args:
        work: drawn by the caller's thread.
        do: called by the threads.
        parallel: threads.
        stop: thrown when the iteration is left early.

    Raises:
        Exception: what `do` raised first.
    """
    pending: set[Future[Result]] = set()
    source = iter(work)
    exhausted = False
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="rawmill-transfer") as threads:
        try:
            while True:
                while not exhausted and len(pending) < parallel * AHEAD:
                    try:
                        pending.add(threads.submit(do, next(source)))
                    except StopIteration:
                        exhausted = True
                if not pending:
                    return
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            stop.throw()
            for future in pending:
                future.cancel()
            raise
