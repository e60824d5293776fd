"""Finds the originals on the customer's disk and gives each the name that the service will know it by."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from client.errors import ChangedFileError, UsageError

RAW_EXTENSIONS = frozenset(
    """3fr ari arw bay braw cap cr2 cr3 crw dcr dcs dng drf eip erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef
    ptx pxn qtk r3d raf raw rw2 rwl rwz sr2 srf srw x3f""".split()  # noqa: SIM905 - a list of words reads as one
)
"""Extensions, lower case, that are taken for camera RAW files when a folder is searched."""

MAX_FILES = 10_000
"""Images in one job."""
MAX_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """An original as it stood when it was listed: size and modification time stand for its bytes.

    Attributes:
        path: absolute.
        name: what the service calls it: the path below the named folder, with slashes.
        size_bytes, modified_ns: of that moment.
    """

    path: Path
    name: str
    size_bytes: int
    modified_ns: int

    def check_unchanged(self) -> None:
        """Nothing, or:

        Raises:
            ChangedFileError: the file is no longer what was announced to the service.
        """
        try:
            now = self.path.stat()
        except OSError as error:
            raise ChangedFileError(f"{self.name}: cannot be read any more: {error.strerror}") from None
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.modified_ns):
            raise ChangedFileError(f"{self.name}: changed since the job was made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A file that is left out before anything is sent.

    Attributes:
        path: as found.
        reason: why, for people.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is to be uploaded, in a stable order, and what is left out."""

    files: tuple[LocalFile, ...]
    refused: tuple[Refused, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def select(named: Sequence[str | Path]) -> Selection:
    """The originals that files and folders stand for: as named; below a folder by path.

    A folder is searched recursively for RAW extensions, whatever their case, hidden files and folders passed over. A
    named file is taken whatever it is called. A file reached twice is listed once. Empty and unreadable files are
    refused one by one, so that one of them does not stop a thousand.

    Raises:
        UsageError: a path that does not exist, nothing found, or more than `MAX_FILES`.
    """
    if not named:
        raise UsageError("nothing to submit: name RAW files or folders")
    paths = [Path(name) for name in named]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise UsageError(f"no such file or folder: {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}")
    prefixed = sum(path.is_dir() for path in paths) > 1
    files: list[LocalFile] = []
    refused: list[Refused] = []
    seen: set[Path] = set()
    for path, name in _found(paths, prefixed=prefixed):
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        entry = _looked_at(path, name)
        if isinstance(entry, LocalFile):
            files.append(entry)
        else:
            refused.append(entry)
    if not files and not refused:
        raise UsageError(
            f"no RAW files in {', '.join(map(str, paths))}; folders are searched for files ending in: "
            f"{' '.join(sorted(RAW_EXTENSIONS))}"
        )
    if not files:
        raise UsageError(f"nothing to submit: {refused[0].path}: {refused[0].reason}")
    if len(files) > MAX_FILES:
        raise UsageError(f"{len(files)} files; one job takes {MAX_FILES} at most: submit parts of the folder")
    return Selection(files=tuple(files), refused=tuple(refused))


def service_name(relative: PurePosixPath) -> str:
    """The name for the service: printable, composed (NFC) and short enough; the end of a long name is kept."""
    text = str(relative).encode("utf-8", "replace").decode("utf-8")
    text = unicodedata.normalize("NFC", text)
    text = "".join("_" if unicodedata.category(character) == "Cc" else character for character in text)
    if len(text) > MAX_NAME_CHARACTERS and "/" in text:
        text = text.rpartition("/")[2]
    return text if len(text) <= MAX_NAME_CHARACTERS else f"…{text[-(MAX_NAME_CHARACTERS - 1) :]}"


def _found(paths: Sequence[Path], *, prefixed: bool) -> Iterator[tuple[Path, PurePosixPath]]:
    for path in paths:
        if not path.is_dir():
            yield path, PurePosixPath(path.name)
            continue
        prefix = PurePosixPath(path.resolve().name) if prefixed else PurePosixPath()
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                if not name.startswith(".") and file.suffix.lower().removeprefix(".") in RAW_EXTENSIONS:
                    yield file, prefix / PurePosixPath(file.relative_to(path).as_posix())


def _looked_at(path: Path, name: PurePosixPath) -> LocalFile | Refused:
    try:
        status = path.stat()
        if not path.is_file():
            return Refused(path=path, reason="not a file")
        if not os.access(path, os.R_OK):
            return Refused(path=path, reason="no permission to read it")
    except OSError as error:
        return Refused(path=path, reason=error.strerror or "cannot be read")
    if status.st_size == 0:
        return Refused(path=path, reason="empty")
    return LocalFile(
        path=path.absolute(), name=service_name(name), size_bytes=status.st_size, modified_ns=status.st_mtime_ns
    )
