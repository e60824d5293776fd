"""What an image is made of: megabytes by package, unpacked and as a registry keeps them."""

import json
import re
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from image.engine import files_of, inspect

MB = 1_000_000
SMALL_MB = 3.0
"""Packages below are one row together."""

_SITE = re.compile(r"^opt/rawmill/lib/python[\d.]+/site-packages/(.*)")
_RECORD = re.compile(r"([^/]+)\.dist-info/RECORD$")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Files that belong together.

    Attributes:
        size_bytes: unpacked, bytecode included.
        bytecode_bytes: compiled Python among them.
        packed_bytes: deflated, as registries keep layers; each part by itself.
    """

    name: str
    version: str
    size_bytes: int
    bytecode_bytes: int
    packed_bytes: int


@dataclass(frozen=True, kw_only=True)
class Bill:
    """An image and its parts, the largest first."""

    image: str
    architecture: str
    parts: tuple[Part, ...]

    @property
    def size_bytes(self) -> int:
        """All files, unpacked."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def packed_bytes(self) -> int:
        """All files, deflated: about what an instance downloads."""
        return sum(part.packed_bytes for part in self.parts)

    def as_json(self) -> str:
        """For programs."""
        document = {"size_bytes": self.size_bytes, "packed_bytes": self.packed_bytes, **asdict(self)}
        return json.dumps(document, indent=1) + "\n"

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows for people: part, version, MB, MB packed; small parts in one row, the sum in the last."""
        large = [part for part in self.parts if part.size_bytes >= SMALL_MB * MB]
        small = self.parts[len(large) :]
        rows = [(part.name, part.version, _mb(part.size_bytes), _mb(part.packed_bytes)) for part in large]
        if small:
            size, packed = sum(part.size_bytes for part in small), sum(part.packed_bytes for part in small)
            rows.append((f"{len(small)} smaller ones", "", _mb(size), _mb(packed)))
        return [*rows, ("all", "", _mb(self.size_bytes), _mb(self.packed_bytes))]


@dataclass
class _Sum:
    size: int = 0
    bytecode: int = 0
    packed: int = 0
    squeeze: "zlib._Compress" = field(default_factory=lambda: zlib.compressobj(6))


def read_bill(image: str) -> Bill:
    """Unpack an image and add its files up.

    Raises:
        ImageError: there is no engine, or no such image.
    """
    with files_of(image) as files:
        return add_up(files, image=image, architecture=inspect(image)["Architecture"])


def add_up(files: tarfile.TarFile, *, image: str, architecture: str) -> Bill:
    """The bill of all files of an image."""
    members = [member for member in files if member.isfile()]
    owners = _owners(files, members)
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for member in members:
        content = _content(files, member)
        total = sums[_owner(member.name, owners)]
        total.size += len(content)
        total.bytecode += len(content) if member.name.endswith(".pyc") else 0
        total.packed += len(total.squeeze.compress(content))
    parts = [
        Part(
            name=name,
            version=version,
            size_bytes=total.size,
            bytecode_bytes=total.bytecode,
            packed_bytes=total.packed + len(total.squeeze.flush()),
        )
        for (name, version), total in sums.items()
    ]
    parts.sort(key=lambda part: (-part.size_bytes, part.name))
    return Bill(image=image, architecture=architecture, parts=tuple(parts))


def _content(files: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    reader = files.extractfile(member)
    return b"" if reader is None else reader.read()


def _owners(files: tarfile.TarFile, members: Iterable[tarfile.TarInfo]) -> dict[str, tuple[str, str]]:
    """Name and version of the package that each path below site-packages belongs to, from the packages' own lists."""
    owners: dict[str, tuple[str, str]] = {}
    for member in members:
        found = _RECORD.search(member.name)
        if found is None:
            continue
        name, _, version = found[1].rpartition("-")
        for line in _content(files, member).decode().splitlines():
            owners[line.partition(",")[0]] = (name, version)
    return owners


def _owner(path: str, owners: dict[str, tuple[str, str]]) -> tuple[str, str]:
    inside = _SITE.match(path)
    if inside:
        return owners.get(inside[1]) or ("other files of packages", "")
    if path.startswith("usr/local/"):
        return "Python and its standard library", ""
    if path.startswith("app/processor/_kernels/"):
        return "compiled kernels", ""
    if path.startswith("app/"):
        return "Rawmill itself", ""
    return "libraries of the base, certificates", ""


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / MB:.1f}"


def write_bill(bill: Bill, folder: Path) -> Path:
    """Write bill.json; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bill.json"
    path.write_text(bill.as_json(), encoding="utf-8")
    return path
