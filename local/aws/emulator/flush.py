"""Writes the state of every service once a second: ministack itself writes only when it is stopped in order."""

import logging
import threading

INTERVAL_S = 1.0


def flush_every_second() -> None:
    """Start the thread; it ends with the process."""
    threading.Thread(target=_flush_forever, name="rawmill-flush", daemon=True).start()


def _flush_forever() -> None:
    from ministack.app import _build_persistence_save_dict  # noqa: PLC0415
    from ministack.core.persistence import PERSIST_STATE, save_all  # noqa: PLC0415

    if not PERSIST_STATE:
        return
    # One line per service and second would bury everything else.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    pause = threading.Event()
    while not pause.wait(INTERVAL_S):
        save_all(_build_persistence_save_dict())
