"""What a run was measured on: processor, memory, versions. No names of hosts, users or folders."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
import rawpy

from bench.part import Figures

_PACKAGES = ("rawpy", "numpy", "pillow", "numba", "opencv-python-headless", "cykooz-resizer", "pebble", "blake3")


BUSY = 0.3
"""Cores used by others from which on figures of a run are not to be trusted."""


def busy_cores() -> float:
    """How many cores other programs keep busy at this moment, over a second in which this one waits."""
    return psutil.cpu_percent(interval=1.0) / 100 * (os.cpu_count() or 1)


def describe() -> Figures:
    """Machine and versions."""
    return {
        "machine": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "system": platform.system(),
        },
        "versions": {
            "Python": platform.python_version(),
            "LibRaw": ".".join(map(str, rawpy.libraw_version)),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
