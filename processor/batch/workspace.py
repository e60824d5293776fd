"""The output folder as a batch's place of work: its lock, its recipes, its shared files, its leftovers."""

import contextlib
import errno
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from processor.errors import RecipeError, UsageError
from processor.recipe import Recipe

WORK_FOLDER = ".rawmill"
_TMP = "tmp"
_RECIPES = "recipes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Folders of a running batch.

    Attributes:
        out_dir: absolute path of the output folder.
        private_dir: temporary folder of this run: board, counter, logs. Gone when the run is over.
    """

    out_dir: Path
    private_dir: Path

    @property
    def board_path(self) -> Path:
        return self.private_dir / "board"

    @property
    def counter_path(self) -> Path:
        return self.private_dir / "counter"

    def log_path(self, slot: int) -> Path:
        return self.private_dir / f"worker-{slot}.log"

    def store_recipe(self, recipe: Recipe) -> tuple[Path, str]:
        """Write the recipe once under its digest, for workers to load; returns path and digest.

        Raises:
            RecipeError: the logo cannot be read.
            UsageError: the output folder cannot be written.
        """
        try:
            digest = recipe.digest()
        except OSError as error:
            raise RecipeError(f"the logo of recipe {recipe.name!r} cannot be read: {error}") from error
        if recipe.watermark is not None:
            mark = recipe.watermark.model_copy(update={"logo": recipe.watermark.logo.absolute()})
            recipe = recipe.model_copy(update={"watermark": mark})
        path = self.out_dir / WORK_FOLDER / _RECIPES / f"{digest}.json"
        try:
            path.parent.mkdir(exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(recipe.model_dump_json(indent=1), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            raise _cannot_write(self.out_dir, error) from error
        return path, digest


@contextlib.contextmanager
def open_workspace(out_dir: Path) -> Iterator[Workspace]:
    """Make and lock the output folder, and clear away what killed runs left in it.

    Raises:
        UsageError: the folder cannot be made or written, or another batch is at work in it.
    """
    out_dir = out_dir.absolute()
    work = out_dir / WORK_FOLDER
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"output folder {os.fspath(out_dir)!r} is in use by {_holder(work)}; "
            "wait for it to end, or choose another folder"
        ) from None
    except OSError as error:
        raise _cannot_write(out_dir, error) from error
    with lock:
        try:
            holder = {"pid": os.getpid(), "host": socket.gethostname()}
            (work / "holder.json").write_text(json.dumps(holder), encoding="utf-8")
            clear_temporary(out_dir)
        except OSError as error:
            raise _cannot_write(out_dir, error) from error
        try:
            with tempfile.TemporaryDirectory(prefix="rawmill-", dir=_fast_folder()) as private:
                yield Workspace(out_dir=out_dir, private_dir=Path(private))
        finally:
            with contextlib.suppress(OSError):
                clear_temporary(out_dir)
                (work / "holder.json").unlink()


def clear_temporary(out_dir: Path) -> None:
    """Remove renditions that were never finished. Only for the holder of the folder's lock, with no worker running."""
    folder = out_dir / WORK_FOLDER / _TMP
    if folder.is_dir():
        shutil.rmtree(folder)


def _fast_folder() -> str | None:
    """Memory-backed storage for the shared files where there is some, else the system's choice."""
    shm = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    return os.fspath(shm) if shm.is_dir() and os.access(shm, os.W_OK) else None


def _holder(work: Path) -> str:
    try:
        holder = json.loads((work / "holder.json").read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another batch"


def _cannot_write(out_dir: Path, error: OSError) -> UsageError:
    advice = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "choose another folder"
    return UsageError(f"output folder {os.fspath(out_dir)!r} cannot be written: {error.strerror or error}; {advice}")
