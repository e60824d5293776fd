"""Licence seats as locked files: for all processes of one machine that share a folder.

A seat is a file under an exclusive kernel lock, so it is free the moment its holder is dead, also by kill -9. Beside
it stands a note of who holds it; the lock decides, the note only informs.
"""

import json
import os
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from processor.errors import UsageError
from processor.licences.ordered import Holder, LicenceOptions, Licences, Seat


def default_folder() -> Path:
    """The folder that all batches of one user on one machine share."""
    return Path(tempfile.gettempdir()) / f"rawmill-licences-{os.getuid()}"


def open_licences(options: LicenceOptions) -> Licences:
    """Licences over seat files in the folder of the options.

    Raises:
        UsageError: the folder cannot be made, or belongs to somebody else.
    """
    return Licences(FileLicenceBackend(options.folder), dict(options.seats), options.timeout_s)


@dataclass(frozen=True, slots=True)
class _FileSeat:
    lock: FileLock
    note: Path

    def release(self) -> None:
        self.note.unlink(missing_ok=True)
        self.lock.release()


class FileLicenceBackend:
    """Seats as files `NAME.K.lock`, K from 0 to seats - 1."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = folder.lstat().st_uid
        except OSError as error:
            raise UsageError(f"licence folder {folder}: cannot be used: {error.strerror}") from error
        # In a folder for everybody, as the default's is, another user may have been there first.
        if owner != os.getuid():
            raise UsageError(f"licence folder {folder} belongs to user {owner}, not to {os.getuid()}; name another one")
        self._folder = folder

    def try_acquire(self, name: str, seats: int, image: str) -> Seat | None:
        """Take the first seat that is free, without waiting."""
        for number in range(seats):
            lock = self._lock(name, number)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            note = self._note(name, number)
            holder = Holder(pid=os.getpid(), host=socket.gethostname(), image=image, since=time.time())
            note.write_text(json.dumps(asdict(holder)), encoding="utf-8")
            return _FileSeat(lock, note)
        return None

    def holders(self, name: str, seats: int) -> tuple[Holder, ...]:
        """The notes of all seats that are locked right now."""
        found = []
        for number in range(seats):
            lock = self._lock(name, number)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                holder = self._read(self._note(name, number))
                if holder is not None:
                    found.append(holder)
            else:
                lock.release()
        return tuple(found)

    def _lock(self, name: str, number: int) -> FileLock:
        return FileLock(self._folder / f"{name}.{number}.lock")

    def _note(self, name: str, number: int) -> Path:
        return self._folder / f"{name}.{number}.json"

    @staticmethod
    def _read(note: Path) -> Holder | None:
        # The holder may write, or let go, while we read.
        try:
            return Holder(**json.loads(note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
