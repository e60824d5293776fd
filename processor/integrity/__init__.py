"""Never silently wrong: says of every original whether it is ok, suspect or damaged, and why."""

from processor.integrity.finding import Inspection
from processor.integrity.verdict import inspect, inspect_file

__all__ = ["Inspection", "inspect", "inspect_file"]
