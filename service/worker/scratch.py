"""The worker's scratch folder: one folder for each thing in hand, nothing left over from a worker that was killed."""

import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

WORK = "work"
"""What children fetch and write themselves: decoders read it at most."""
MADE = "made"
"""What decoders make."""
_RECIPES = "recipes"
_TREES = (WORK, MADE, _RECIPES)
_IDLE_JOBS = 4
_ELSEWHERE = "elsewhere"
_OURS = ("rawmill-worker-", "pymp-")
"""What folders are called that a worker has outside of scratch: its own in memory, and multiprocessing's."""


class ScratchError(Exception):
    """The scratch folder cannot be used. The message names it and says what to do."""


class Scratch:
    """Folders of a running worker. `path` is the folder that it was given.

    A thing in hand has two folders: one for what its child fetches, below `work`, and one for what a decoder makes of
    it, below `made`. Both lie in a folder of their job, for that is what the job's decoders are let into. A decoder
    holds on to its job's folders; therefore they stay for a while when nothing is in them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, _JobFolder] = OrderedDict()
        self._made = 0

    def make(self, job: str, name: str) -> str:
        """New folders; returns their path relative to `work` and `made`. `name` only helps people who look.

        Raises:
            OSError: the disk is full or away.
        """
        with self._lock:
            place = self._jobs.get(job)
            if place is None:
                self._drop_idle()
                self._made += 1
                # Never the same twice: a decoder's rules are about the folder and not about its name.
                place = self._jobs[job] = _JobFolder(f"{job}.{self._made}")
            self._jobs.move_to_end(job)
            place.in_use += 1
            try:
                (self.path / WORK / place.name).mkdir(mode=0o700, exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path / WORK / place.name))
                (self.path / MADE / place.name / folder.name).mkdir(mode=0o700, parents=True)
            except OSError:
                place.in_use -= 1
                raise
            return f"{place.name}/{folder.name}"

    def discard(self, folder: str) -> None:
        """Remove both folders with all that is in them."""
        for tree in (WORK, MADE):
            shutil.rmtree(self.path / tree / folder, ignore_errors=True)
        with self._lock:
            for place in self._jobs.values():
                if place.name == Path(folder).parent.name:
                    place.in_use -= 1
            self._drop_idle()

    def _drop_idle(self) -> None:
        idle = [job for job, place in self._jobs.items() if place.in_use == 0]
        for job in idle[: max(0, len(idle) - _IDLE_JOBS)]:
            place = self._jobs.pop(job)
            for tree in (WORK, MADE):
                shutil.rmtree(self.path / tree / place.name, ignore_errors=True)

    def note_elsewhere(self, *folders: Path) -> None:
        """Write down folders outside of scratch that go with this worker: after its death the next one removes them."""
        (self.path / _ELSEWHERE).write_text("\n".join(map(os.fspath, folders)), encoding="utf-8")

    @property
    def recipes(self) -> Path:
        """Folder of recipes."""
        return recipes_folder(self.path)


@dataclass(slots=True)
class _JobFolder:
    name: str
    in_use: int = 0


def recipes_folder(scratch: Path) -> Path:
    """Where recipes are, below a scratch folder."""
    return scratch / _RECIPES


@contextmanager
def open_scratch(path: Path) -> Iterator[Scratch]:
    """Make, lock and empty the folder; empty it again at the end.

    Raises:
        ScratchError: it cannot be written, or another worker is at work in it.
    """
    path = path.absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise ScratchError(
            f"scratch folder {os.fspath(path)!r} is in use by another worker; give each a folder of its own"
        ) from None
    except OSError as error:
        raise ScratchError(f"scratch folder {os.fspath(path)!r} cannot be used: {error.strerror or error}") from error
    with lock:
        try:
            _empty(path)
            yield Scratch(path)
        finally:
            for name in _TREES:
                shutil.rmtree(path / name, ignore_errors=True)
            (path / _ELSEWHERE).unlink(missing_ok=True)


def _empty(path: Path) -> None:
    try:
        _empty_elsewhere(path / _ELSEWHERE)
        for name in _TREES:
            if (path / name).exists():
                shutil.rmtree(path / name)
            (path / name).mkdir(mode=0o700)
    except OSError as error:
        raise ScratchError(
            f"scratch folder {os.fspath(path)!r} cannot be emptied: {error.strerror or error}"
        ) from error


def _empty_elsewhere(note: Path) -> None:
    """Remove what the last worker over this scratch had elsewhere, if it was killed and could not do so itself."""
    if not note.exists():
        return
    for folder in map(Path, note.read_text(encoding="utf-8").splitlines()):
        if folder.name.startswith(_OURS):
            shutil.rmtree(folder, ignore_errors=True)
    note.unlink()
