"""Files that are there whole or not at all, and the receipts that say what is done."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from blake3 import blake3

from processor.errors import ImageError, ReasonCode, Stage
from processor.result import ImageResult, Output, Status
from processor.types import DecodePath, Verdict

STATE_FOLDER = ".rawmill"
KEY_CHARACTERS = 12
_READ_BYTES = 1 << 18


def content_digest(path: Path) -> str:
    """Hex BLAKE3 of a file's bytes: 3 GB/s on one core, so that knowing what is done costs little.

    Raises:
        ImageError: unreadable.
    """
    hasher = blake3()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_READ_BYTES):
                hasher.update(chunk)
    except OSError as error:
        raise ImageError(ReasonCode.UNREADABLE, f"{path.name}: {error.strerror}", stage=Stage.READ) from error
    return hasher.hexdigest()


def output_key(content: str, recipe: str) -> str:
    """Names what a recipe makes of an original: equal bytes and equal recipes give equal keys under any file name."""
    return hashlib.sha256(f"{content}:{recipe}".encode()).hexdigest()[:KEY_CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A source as it stood before it was read: its size and modification time stand for its bytes.

    Attributes:
        path: absolute.
        size_bytes, modified_ns: of that moment.
    """

    path: Path
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The file as it stands now.

        Raises:
            ImageError: unreadable.
        """
        try:
            now = path.stat()
        except OSError as error:
            raise ImageError(ReasonCode.UNREADABLE, f"{path.name}: {error.strerror}", stage=Stage.READ) from error
        return cls(path=path.absolute(), size_bytes=now.st_size, modified_ns=now.st_mtime_ns)


class OutputFolder:
    """The folder of a batch. Temporary and state files live in `.rawmill`, on the same file system as the outputs.

    Layout: `STEM.KEY.RENDITION.EXT`, where STEM mirrors the inputs' folders and KEY is `output_key`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / STATE_FOLDER
        self.temporary = self.state / "tmp"

    def write(self, relative: str, content: bytes) -> None:
        """Stores one file under its name at once.

        Raises:
            ImageError: store_failed, with the file system's reason. Nothing is left behind.
        """
        with self.together() as files:
            files.add(relative, content)

    @contextlib.contextmanager
    def together(self) -> Iterator["Unpublished"]:
        """Files that appear under their names when the block ends, all of them, or none if it raises.

        Raises:
            ImageError: store_failed.
        """
        files = Unpublished(self)
        try:
            yield files
            files.publish()
        finally:
            files.discard()

    def finished(self, source: SourceFile, stem: str, recipe: str) -> ImageResult | None:
        """The receipt of this source, if it and all its outputs are there. The file is not read."""
        note = self._read(self._note_path(source, stem, recipe))
        if note is None or (note.get("size"), note.get("mtime_ns")) != (source.size_bytes, source.modified_ns):
            return None
        return self.finished_key(stem, str(note.get("key")))

    def finished_key(self, stem: str, key: str) -> ImageResult | None:
        """The receipt under a key, if all outputs that it names are there with the sizes that it names."""
        receipt = self._read(self._receipt_path(stem, key))
        if receipt is None:
            return None
        try:
            result = _result_from(receipt)
            complete = all((self.path / out.path).stat().st_size == out.size_bytes for out in result.outputs)
        except (OSError, KeyError, TypeError, ValueError):
            return None
        return result if complete else None

    def record(self, source: SourceFile, stem: str, *, key: str, recipe: str, result: ImageResult) -> None:
        """Writes the receipt: from now on the image counts as done.

        Raises:
            ImageError: store_failed.
        """
        self.write(self._receipt_path(stem, key), json.dumps(asdict(result)).encode())
        self.note(source, stem, key=key, recipe=recipe)

    def note(self, source: SourceFile, stem: str, *, key: str, recipe: str) -> None:
        """Remembers which key a source file had, so that a later run need not read it.

        Raises:
            ImageError: store_failed.
        """
        seen = {"key": key, "size": source.size_bytes, "mtime_ns": source.modified_ns}
        self.write(self._note_path(source, stem, recipe), json.dumps(seen).encode())

    def _receipt_path(self, stem: str, key: str) -> str:
        return f"{STATE_FOLDER}/receipts/{stem}.{key}.json"

    def _note_path(self, source: SourceFile, stem: str, recipe: str) -> str:
        where = hashlib.sha256(f"{os.fspath(source.path)!r}:{stem!r}:{recipe}".encode()).hexdigest()[:24]
        return f"{STATE_FOLDER}/seen/{where[:2]}/{where[2:]}.json"

    def _read(self, relative: str) -> dict[str, object] | None:
        try:
            content = json.loads((self.path / relative).read_bytes())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None


class Unpublished:
    """Files that are written, whole, under temporary names."""

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._waiting: list[tuple[Path, str]] = []

    def add(self, relative: str, content: bytes) -> None:
        """Writes a file that will be called `relative`.

        Raises:
            ImageError: store_failed.
        """
        with _as_store_failure(relative):
            self._folder.temporary.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder.temporary)
            self._waiting.append((Path(name), relative))
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)

    def publish(self) -> None:
        """Gives all files their names.

        Raises:
            ImageError: store_failed; those that have their names already lose them again.
        """
        published: list[Path] = []
        try:
            while self._waiting:
                temporary, relative = self._waiting[0]
                target = self._folder.path / relative
                with _as_store_failure(relative):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    temporary.chmod(0o666 & ~_umask())
                    temporary.replace(target)
                published.append(target)
                del self._waiting[0]
        except BaseException:
            for target in published:
                target.unlink(missing_ok=True)
            raise

    def discard(self) -> None:
        """Removes what has not been published."""
        for temporary, _ in self._waiting:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _as_store_failure(relative: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{relative}: cannot be stored: {error.strerror or error}"
        raise ImageError(ReasonCode.STORE_FAILED, message, stage=Stage.STORE) from error


def _result_from(receipt: dict[str, object]) -> ImageResult:
    fields = dict(receipt)
    fields["status"] = Status(str(fields["status"]))
    fields["verdict"] = None if fields["verdict"] is None else Verdict(str(fields["verdict"]))
    fields["decode_path"] = None if fields["decode_path"] is None else DecodePath(str(fields["decode_path"]))
    fields["evidence"] = tuple(fields["evidence"])  # type: ignore[arg-type]
    fields["outputs"] = tuple(Output(**entry) for entry in fields["outputs"])  # type: ignore[attr-defined]
    return ImageResult(**fields)  # type: ignore[arg-type]


def _umask() -> int:
    # The umask can only be read by setting it. A worker process has one thread, so nobody sees the moment between.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
