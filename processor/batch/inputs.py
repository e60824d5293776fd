"""Turns what the caller named (files, folders, patterns) into originals, each with a place for its outputs."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from processor.errors import UsageError

RAW_EXTENSIONS = frozenset(
    """3fr ari arw bay braw cap cr2 cr3 crw dcr dcs dng drf eip erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef
    ptx pxn qtk r3d raf raw rw2 rwl rwz sr2 srf srw x3f""".split()  # noqa: SIM905 - a list of words reads as one
)
"""Extensions, lower case, that are taken for camera RAW files when a folder is searched."""

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One original.

    Attributes:
        source: the path to open, as named by the caller or found below a folder that the caller named.
        stem: output path without extension, relative to the output folder.
        problem: why it cannot be opened, known already from looking for it, else None.
    """

    source: str
    stem: str
    problem: str | None = None


def expand(named: Sequence[Path | str], out_dir: Path) -> list[Input]:
    """List the originals in a stable order: as named; below a folder by path.

    A folder is searched recursively for RAW extensions, whatever their case; a file or pattern match is taken whatever
    it is called. Hidden files and the output folder are passed over. A file reached twice is listed once. What does
    not exist or cannot be read is listed with its problem, so that it fails by itself and the batch goes on.

    Args:
        named: paths of files and folders, and patterns as of glob with ** for any depth.
        out_dir: the output folder.

    Raises:
        UsageError: nothing was named, or nothing was found.
    """
    if not named:
        raise UsageError("no input: name RAW files, folders or patterns such as 'shoot/**/*.NEF'")
    folders = [Path(name) for name in named if Path(name).is_dir()]
    found: list[Input] = []
    for name in named:
        found.extend(_expand_one(name, out_dir, prefixed=len(folders) > 1))
    unique = _without_repeats(found)
    if not unique:
        extensions = " ".join(sorted(RAW_EXTENSIONS))
        raise UsageError(
            f"no input found in {', '.join(repr(os.fspath(name)) for name in named)}; "
            f"folders are searched for files ending in: {extensions}"
        )
    return unique


def _expand_one(name: Path | str, out_dir: Path, *, prefixed: bool) -> Iterator[Input]:
    path = Path(name)
    if path.is_dir():
        yield from _search(path, out_dir, prefix=_folder_name(path) if prefixed else "")
    elif os.path.lexists(path) or not _MAGIC & set(os.fspath(name)):
        yield _file(path)
    else:
        for match in sorted(glob.glob(os.fspath(name), recursive=True)):  # noqa: PTH207 - keeps the form it was named in
            if not Path(match).is_dir() or _is_raw_name(match):
                yield _file(Path(match))


def _search(folder: Path, out_dir: Path, *, prefix: str) -> Iterator[Input]:
    for path in _walk(folder, out_dir, seen=set()):
        if isinstance(path, OSError):
            where = Path(os.fsdecode(path.filename or folder))
            yield _input(where, _stem_below(folder, where, prefix), f"the folder cannot be searched: {path.strerror}")
        else:
            yield _input(path, _stem_below(folder, path, prefix), _problem(path))


def _walk(folder: Path, out_dir: Path, seen: set[tuple[int, int]]) -> Iterator[Path | OSError]:
    """RAW files below a folder by name. Links to folders are followed, each folder once, so a loop ends."""
    try:
        info = folder.stat()
        if (info.st_dev, info.st_ino) in seen:
            return
        seen.add((info.st_dev, info.st_ino))
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield error
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if _is_raw_name(entry.name):
            # A folder that is called like a file is searched all the same, and only an empty one is a failure.
            if not is_folder:
                yield path
                continue
            inside = list(_walk(path, out_dir, seen))
            if inside:
                yield from inside
            else:
                yield path
        elif is_folder and not _same(path, out_dir):
            yield from _walk(path, out_dir, seen)


def _file(path: Path) -> Input:
    return _input(path, path.stem or path.name, _problem(path))


def _input(path: Path, stem: str, problem: str | None) -> Input:
    return Input(source=os.fspath(path), stem=stem, problem=problem)


def _stem_below(folder: Path, path: Path, prefix: str) -> str:
    relative = path.relative_to(folder) if path != folder else PurePath(path.name)
    return os.fspath(PurePath(prefix, relative.parent, relative.stem))


def _folder_name(folder: Path) -> str:
    return folder.name if folder.name not in {"", ".", ".."} else folder.resolve().name


def _problem(path: Path) -> str | None:
    try:
        path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            return f"the link points to {os.fspath(path.readlink())!r}, which does not exist"
        return "there is no such file"
    except (OSError, ValueError) as error:
        return f"cannot be opened: {getattr(error, 'strerror', None) or error}"
    if path.is_dir():
        return "is a folder that is named like a file and holds no RAW files"
    return None if path.is_file() else "is not a regular file"


def _is_raw_name(name: str) -> bool:
    return os.path.splitext(name)[1][1:].lower() in RAW_EXTENSIONS  # noqa: PTH122 - a bare name, not a path


def _same(folder: Path, other: Path) -> bool:
    try:
        return folder.samefile(other)
    except OSError:
        return False


def _without_repeats(inputs: list[Input]) -> list[Input]:
    seen: set[str] = set()
    unique = []
    for item in inputs:
        try:
            real = os.path.realpath(item.source)
        except ValueError:
            real = item.source
        if real not in seen:
            seen.add(real)
            unique.append(item)
    return unique
