"""The worker's scratch folder: one folder for each thing in hand, nothing left over from a worker that was killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_WORK = "work"
_RECIPES = "recipes"


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

    @property
    def recipes(self) -> Path:
        """Folder of recipes."""
        return recipes_folder(self.path)


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


def _empty(path: Path) -> None:
    try:
        for name in (_WORK, _RECIPES):
            if (path / name).exists():
                shutil.rmtree(path / name)
            (path / name).mkdir(mode=0o700)
    except OSError as error:
        raise ScratchError(
            f"scratch folder {os.fspath(path)!r} cannot be emptied: {error.strerror or error}"
        ) from error
