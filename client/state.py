"""Remembers unfinished jobs, so that a broken-off submission goes on where it stood.

One small file a job in the user's state folder; nothing is written beside the customer's files. It holds what only
this machine knows: which file is which image. What is uploaded, down to the parts, the service and the storage know.
It never holds the API key or a link.
"""

import contextlib
import hashlib
import os
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from client.files import LocalFile, Refused, Selection

FORGOTTEN_AFTER_S = 30 * 86_400
"""An unfinished job older than this is past every job lifetime of the service."""


class RememberedFile(BaseModel):
    """A file of an unfinished job; its place in the list is the image's position in the job.

    Its path is kept as a `file:` address, which has room for every byte that a file name may hold.
    """

    model_config = ConfigDict(frozen=True)
    uri: str
    name: str
    size_bytes: int
    modified_ns: int

    def local(self) -> LocalFile:
        """As it was listed."""
        return LocalFile(
            path=_path_at(self.uri), name=self.name, size_bytes=self.size_bytes, modified_ns=self.modified_ns
        )


class RememberedRefusal(BaseModel):
    """A file that was left out, and why."""

    model_config = ConfigDict(frozen=True)
    uri: str
    reason: str


class Remembered(BaseModel):
    """An unfinished submission.

    Attributes:
        idempotency_key: of the call that makes the job; written before it, so that a job is never made twice.
        server: its origin.
        recipe: as sent.
        named: what the caller named, as `file:` addresses.
        files: in the order of the job's images.
        refused: files that were left out.
        job_id: None until the service answered.
        uploaded: every file that can be uploaded is.
        out: address of the folder where the results go once they are there, or None.
        archive: whether the archive is wanted instead of single renditions.
        watch: whether the caller wants to wait for the end.
    """

    idempotency_key: str
    server: str
    recipe: Any
    named: tuple[str, ...]
    files: tuple[RememberedFile, ...]
    refused: tuple[RememberedRefusal, ...] = ()
    job_id: str | None = None
    uploaded: bool = False
    out: str | None = None
    archive: bool = False
    watch: bool = False

    def selection(self) -> Selection:
        """The files as they were listed."""
        return Selection(
            files=tuple(file.local() for file in self.files),
            refused=tuple(Refused(path=_path_at(each.uri), reason=each.reason) for each in self.refused),
        )

    @property
    def out_folder(self) -> Path | None:
        """Where the results go, or None."""
        return _path_at(self.out) if self.out else None

    def is_same_work(self, other: "Remembered") -> bool:
        """Whether another submission would make the same job: same server, recipe, and files, unchanged."""
        return (self.server, self.recipe, self.files) == (other.server, other.recipe, other.files)


def new_submission(
    *, server: str, recipe: Any, named: list[Path], selection: Selection, out: Path | None, archive: bool, watch: bool
) -> Remembered:
    """A submission that has not reached the service yet."""
    return Remembered(
        idempotency_key=str(uuid.uuid4()),
        server=server,
        recipe=recipe,
        named=tuple(path.absolute().as_uri() for path in named),
        files=tuple(
            RememberedFile(
                uri=file.path.as_uri(), name=file.name, size_bytes=file.size_bytes, modified_ns=file.modified_ns
            )
            for file in selection.files
        ),
        refused=tuple(
            RememberedRefusal(uri=each.path.absolute().as_uri(), reason=each.reason) for each in selection.refused
        ),
        out=out.absolute().as_uri() if out else None,
        archive=archive,
        watch=watch,
    )


class Memory:
    """The folder of unfinished submissions.

    Args:
        folder: made when first needed, readable by its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, submission: Remembered) -> None:
        """Writes a submission, whole or not at all."""
        path = self._path(submission)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(submission.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def forget(self, submission: Remembered) -> None:
        """Removes a submission that is finished."""
        self._path(submission).unlink(missing_ok=True)

    def all(self, server: str) -> list[Remembered]:
        """Unfinished submissions to one server, the newest first. Forgets those past every lifetime."""
        found = []
        for path in sorted(self._of(server).glob("*.json"), key=_modified_s, reverse=True):
            if time.time() - _modified_s(path) > FORGOTTEN_AFTER_S:
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError, ValidationError):  # of another version, or being removed
                found.append(Remembered.model_validate_json(path.read_bytes()))
        return found

    def of_job(self, server: str, job_id: str) -> Remembered | None:
        """The submission that made a job, if it is unfinished."""
        return next((each for each in self.all(server) if each.job_id == job_id), None)

    def of_folder(self, server: str, folder: Path) -> list[Remembered]:
        """Unfinished submissions that named this path."""
        return [each for each in self.all(server) if folder.absolute().as_uri() in each.named]

    def same_work(self, wanted: Remembered) -> Remembered | None:
        """An unfinished submission of the same files with the same recipe."""
        return next((each for each in self.all(wanted.server) if each.is_same_work(wanted)), None)

    def _of(self, server: str) -> Path:
        return self._folder / hashlib.sha256(server.encode()).hexdigest()[:16]

    def _path(self, submission: Remembered) -> Path:
        return self._of(submission.server) / f"{submission.idempotency_key}.json"


def _modified_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _path_at(uri: str) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(uri).path)))
