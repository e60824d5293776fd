"""Small file systems in memory, where the system lets us mount them: root does, containers often do not."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def small_disk(folder: Path, *, size_mib: int) -> Iterator[bool]:
    """Mounts a file system of this size on a folder; yields whether that was possible. Taken away in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = _mount(folder, size_mib)
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)  # noqa: S607


def unmount_below(folder: Path) -> None:
    """Takes away what a run that was killed has left mounted below a folder."""
    for partition in psutil.disk_partitions(all=True):
        if Path(partition.mountpoint).is_relative_to(folder.resolve()):
            subprocess.run(["umount", "--lazy", partition.mountpoint], check=False, capture_output=True)  # noqa: S607


def is_mounted(folder: Path) -> bool:
    """Whether a file system of its own lies there."""
    return folder.is_mount()


def _mount(folder: Path, size_mib: int) -> bool:
    if shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0700", "rawmill-chaos", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
