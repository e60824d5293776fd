"""Keeps the tasks of a platform alive as ECS does: what ends is replaced a moment later, in its own zone."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from chaos.background import Background
from local.platform import Platform
from local.process import ChildProcess
from local.tasks import Part

REPLACED_AFTER_S = 1.0
_POLL_S = 0.1
_PRIVATE = "rawmill-worker-"
ZONES = ("a", "b")


class Fleet(Background):
    """The tasks in two zones, every other one of each part. Use as a context.

    Its thread stays until the end, for the kernel ends a task with the thread that started it.
    """

    def __init__(self, platform: Platform, *, replaced_after_s: float = REPLACED_AFTER_S) -> None:
        super().__init__("fleet", self._keep)
        self._platform, self._replaced_after_s = platform, replaced_after_s
        self._lock = threading.Lock()
        self._ended_s: dict[str, float] = {}
        self._closed_zones: set[str] = set()
        self._changes: dict[str, Mapping[str, str]] = {}
        self._releases: dict[str, Path] = {}
        self._looked_at: set[int] = set()
        self.replaced = 0
        """Tasks that were replaced so far."""
        self.private_folders: set[Path] = set()
        """Folders in shared memory that workers had so far."""

    def tasks(self, part: Part | None = None, *, zone: str | None = None) -> list[ChildProcess]:
        """Tasks that are there, running or about to be replaced."""
        return [
            task
            for task in self._platform.tasks
            if (part is None or part_of(task) is part) and (zone is None or zone_of(task) == zone)
        ]

    def running(self, part: Part | None = None, *, zone: str | None = None) -> list[ChildProcess]:
        """Tasks whose process runs."""
        return [task for task in self.tasks(part, zone=zone) if task.exit_code is None]

    def close_zone(self, zone: str) -> None:
        """Nothing starts in this zone any more."""
        with self._lock:
            self._closed_zones.add(zone)

    def open_zones(self) -> None:
        """Tasks start everywhere again."""
        with self._lock:
            self._closed_zones.clear()

    def replace(self, *, zone: str, changes: Mapping[str, str]) -> None:
        """Have every task of a zone replaced by one that is told these variables besides."""
        with self._lock:
            for task in self.tasks(zone=zone):
                self._changes[task.name] = changes
        for task in self.tasks(zone=zone):
            self._stop(task)

    def release(self, name: str, folder: Path) -> None:
        """Have a task replaced by one that runs the code in another folder."""
        task = next(each for each in self.tasks() if each.name == name)
        with self._lock:
            self._releases[name] = folder
        self._stop(task)

    def _stop(self, task: ChildProcess) -> None:
        """Let a task end, and wait until another one is in its place."""
        if task.exit_code is None:
            send_signal(task.pid, signal.SIGTERM)
        while any(each.pid == task.pid for each in self.tasks()):
            time.sleep(_POLL_S)

    def _keep(self) -> None:
        while not self._over.wait(_POLL_S):
            self._note_folders()
            with self._lock:
                for task in self._due():
                    self._platform.restart(
                        task.name, besides=self._changes.get(task.name), release=self._releases.get(task.name)
                    )
                    del self._ended_s[task.name]
                    self.replaced += 1

    def _note_folders(self) -> None:
        for task in self.running(Part.WORKER):
            if task.pid in self._looked_at:
                continue
            try:
                mapped = {Path(part.path).parent for part in psutil.Process(task.pid).memory_maps()}
            except psutil.Error:
                continue
            private = {folder for folder in mapped if folder.name.startswith(_PRIVATE)}
            if private:
                self._looked_at.add(task.pid)
                self.private_folders |= private

    def _due(self) -> Iterator[ChildProcess]:
        now_s = time.monotonic()
        for task in self._platform.tasks:
            if task.exit_code is None or zone_of(task) in self._closed_zones:
                continue
            if now_s - self._ended_s.setdefault(task.name, now_s) >= self._replaced_after_s:
                yield task


def part_of(task: ChildProcess) -> Part:
    """What a task does."""
    return Part(task.name.partition("-")[0])


def zone_of(task: ChildProcess) -> str:
    """Where a task runs."""
    number = task.name.partition("-")[2] or "1"
    return ZONES[(int(number) - 1) % len(ZONES)]


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Sends it; False when the process has just ended by itself."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def below(task: ChildProcess) -> list[psutil.Process]:
    """The processes that a task started, its own left out."""
    try:
        return psutil.Process(task.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
