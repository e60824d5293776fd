"""Batches: many originals on every core, in processes that may crash, hang or be killed without harm to the others."""

from processor.batch.observer import BatchObserver, InFlight
from processor.batch.options import BatchOptions
from processor.batch.runner import run_batch

__all__ = ["BatchObserver", "BatchOptions", "InFlight", "run_batch"]
