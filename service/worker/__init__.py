"""The worker: one supervisor a container takes messages from the queue, its children develop the images.

The supervisor (`supervisor.py`) is one thread that owns all state; the children (`child.py`) are processes that may
die. Everything here but `run` can be imported without Django, as children do.
"""


def run(*, until_empty: bool) -> int:
    """Works until SIGTERM, or until the queue stays empty; returns the exit code."""
    from service.worker.main import run_worker  # noqa: PLC0415 - children import this package and need none of it

    return run_worker(until_empty=until_empty)
