"""How much memory a batch may use, and what one process may take of it."""

import resource
import sys
from pathlib import Path

import psutil

SHARE_OF_AVAILABLE = 0.8
LIMIT_SLACK_BYTES = 128 * 1024 * 1024
"""Allowance above a grant for the allocator's own needs, so that the limit stops a runaway and not a near miss."""

_CGROUP_V2 = Path("/sys/fs/cgroup")
_CGROUP_V1 = Path("/sys/fs/cgroup/memory")


def default_budget_bytes() -> int:
    """80 % of the memory that is available now, or of what the process's control group leaves, if that is less."""
    available = int(psutil.virtual_memory().available)
    headroom = _cgroup_headroom_bytes()
    if headroom is not None:
        available = min(available, headroom)
    return int(available * SHARE_OF_AVAILABLE)


def _cgroup_headroom_bytes() -> int | None:
    for folder, limit_name, usage_name in (
        (_CGROUP_V2, "memory.max", "memory.current"),
        (_CGROUP_V1, "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            limit = (folder / limit_name).read_text().strip()
            usage = (folder / usage_name).read_text().strip()
        except OSError:
            continue
        if limit.isdigit():
            return max(0, int(limit) - int(usage))
    return None


def private_bytes() -> int | None:
    """Private writable memory that this process has mapped (VmData), or None where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return None


def limit_own_memory(grant_bytes: int, baseline_bytes: int | None) -> None:
    """Make the kernel refuse this process more than its baseline plus its grant.

    RLIMIT_DATA and not RLIMIT_AS: since Linux 4.7 it bounds private writable memory, wherever it is mapped, and
    leaves alone what costs no memory of its own: libraries, originals mapped for reading, reserved address space.
    Only the soft limit moves, so that a later image can be granted more.
    """
    if baseline_bytes is None or not sys.platform.startswith("linux"):
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = baseline_bytes + grant_bytes + LIMIT_SLACK_BYTES
    if hard != resource.RLIM_INFINITY:
        soft = min(soft, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
