"""What processes hold resident."""

import psutil


def resident_mib(pid: int) -> float:
    """Proportional memory of a process and all below it: shared pages count once in all. 0 when it is gone."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                info = process.memory_full_info()
            except psutil.Error:
                continue  # gone between listing and looking
            total += getattr(info, "pss", info.uss)
    except psutil.Error:
        pass
    return total / 2**20
