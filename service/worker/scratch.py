"""The worker's scratch folder: one folder for each thing in hand, nothing left over from a worker that was killed."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_WORK = "work"
_RECIPES = "recipes"
_ELSEWHERE = "elsewhere"
_OURS = ("rawmill-worker-", "pymp-")
"""What folders are called that a worker has outside of scratch: its own in memory, and multiprocessing's."""


class ScratchError(Exception):
    """The scratch folder cannot be used. The message names it and says what to do."""


class Scratch:
    """Folders of a running worker. `path` is the folder that it was given."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, name: str) -> str:
        """A new folder; returns its path relative to scratch. `name` only helps people who look."""
        folder = tempfile.mkdtemp(prefix=f"{name}-", dir=self.path / _WORK)
        return str(Path(folder).relative_to(self.path))

    def discard(self, folder: str) -> None:
        """Remove a folder with all that is in it."""
        shutil.rmtree(self.path / folder, ignore_errors=True)

    def note_elsewhere(self, *folders: Path) -> None:
        """Write down folders outside of scratch that go with this worker: after its death the next one removes them."""
        (self.path / _ELSEWHERE).write_text("\n".join(map(os.fspath, folders)), encoding="utf-8")

    @property
    def recipes(self) -> Path:
        """Folder of recipes."""
        return recipes_folder(self.path)


def has_no_room(error: BaseException | None) -> bool:
    """Whether a full disk is at the bottom of this error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        error = error.__cause__ or error.__context__
    return False


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
            for name in (_WORK, _RECIPES):
                shutil.rmtree(path / name, ignore_errors=True)
            (path / _ELSEWHERE).unlink(missing_ok=True)


def _empty(path: Path) -> None:
    try:
        _empty_elsewhere(path / _ELSEWHERE)
        for name in (_WORK, _RECIPES):
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
