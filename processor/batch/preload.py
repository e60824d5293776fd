"""Imported once by the fork server, so that every worker process starts with the pipeline loaded.

Loads code and compiled kernels and decodes nothing: a parallel region of OpenMP entered here, before the fork, would
hang every worker at its first decode.
"""

import logging
from importlib import import_module


def _load() -> None:
    import_module("processor.batch.worker")
    import_module("processor.pipeline")
    import_module("processor.demosaic").warm_up()


try:
    _load()
except Exception:
    # The fork server must live. Every worker imports the same again and its error is reported with an image.
    logging.getLogger(__name__).debug("preload failed", exc_info=True)
