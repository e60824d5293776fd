"""Puts the image's file system together, in the build stage: Python, the service, the libraries they load, and no more.

`python image/assemble.py DESTINATION`. No shell and no package manager get in, nor what `unneeded.toml` lists. What
stays of the base is what a file in the image is linked with, and the facts that scanners need about it: the release
and, for each Debian package that a file came from, its entry in the package database and its copyright.
"""

import compileall
import hashlib
import os
import py_compile
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

APPLICATION = Path("/app")
ENVIRONMENT = Path("/opt/rawmill")
USER = 10001
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nrawmill:x:{USER}:{USER}::/tmp:/usr/sbin/nologin\n",
    "etc/group": f"root:x:0:\nrawmill:x:{USER}:\n",
}
STANDARD_LIBRARY_LEFT_OUT = (
    *("site-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter", "turtledemo", "test"),
    *("config-*", "lib-dynload/_test*", "lib-dynload/_ctypes_test*", "lib-dynload/_tkinter*", "lib-dynload/xx*"),
)
FROM_THE_BASE = (
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/openssl.cnf",
    "/usr/lib/ssl/cert.pem",
    "/usr/lib/ssl/certs",
    "/usr/lib/ssl/openssl.cnf",
    "/usr/share/zoneinfo/UTC",
)
MACHINES = {"x86_64": 62, "aarch64": 183}
"""e_machine of ELF files."""


class AssemblyError(Exception):
    """The image cannot be put together as `unneeded.toml` and this module say."""


def main(arguments: list[str]) -> int:
    """Exit code 0, or 1 with the reason."""
    destination = Path(arguments[0])
    rules = tomllib.loads(Path(__file__).with_name("unneeded.toml").read_text(encoding="utf-8"))
    try:
        assemble(destination, rules)
    except AssemblyError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


def assemble(root: Path, rules: dict[str, Any]) -> None:
    """Fills `root`, which must not exist."""
    shutil.copytree(APPLICATION, root / APPLICATION.relative_to("/"), symlinks=True)
    _copy_environment(root)
    _copy_python(root)
    packages = root / Path(sysconfig.get_path("purelib")).relative_to("/")
    leave_out(packages, rules["left_out"])
    keep_aws_models(packages, rules["aws"])
    for rule in rules["uncalled"]:
        empty(packages, rule)
    remove_unreferenced(packages / "opencv_python_headless.libs", packages / "cv2" / "cv2.abi3.so")
    for library in list(shared_objects(root)):
        strip(library)
    link_copies(root)
    for path in (*FROM_THE_BASE, *sorted(linked_libraries(root))):
        copy_with_links(Path(path), root)
    for name, content in ACCOUNTS.items():
        (root / name).write_text(content, encoding="ascii")
    describe_packages(root)


def _copy_environment(root: Path) -> None:
    """The virtual environment without the commands of its packages."""
    shutil.copytree(
        ENVIRONMENT,
        root / ENVIRONMENT.relative_to("/"),
        symlinks=True,
        ignore=lambda folder, names: (
            [name for name in names if not name.startswith("python")] if Path(folder).name == "bin" else []
        ),
    )


def _copy_python(root: Path) -> None:
    """The interpreter and its library, compiled: nobody could write what it compiles later."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    library = base / "lib" / version
    ours = root / library.relative_to("/")
    shutil.copytree(library, ours, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in STANDARD_LIBRARY_LEFT_OUT:
        for path in ours.glob(pattern):
            _remove(path)
    compileall.compile_dir(
        ours,
        quiet=1,
        stripdir=str(root),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    for name in (version, "python3", "python"):
        copy_with_links(base / "bin" / name, root)


def leave_out(packages: Path, rules: Iterable[dict[str, Any]]) -> None:
    """Remove what the rules name; each of their paths has to match."""
    for rule in rules:
        for pattern in rule["paths"]:
            found = list(packages.glob(pattern))
            if not found:
                raise AssemblyError(f"{pattern} ({rule['why']}) matches nothing in {packages}")
            for path in found:
                _remove(path)


def keep_aws_models(packages: Path, rule: dict[str, Any]) -> None:
    """Of the folders of models keep the services named, and the files that belong to all."""
    for folder in rule["folders"]:
        for path in (packages / folder).iterdir():
            if path.is_dir() and path.name not in rule["keep"]:
                _remove(path)
    for service in rule["keep"]:
        if not (packages / rule["folders"][0] / service).is_dir():
            raise AssemblyError(f"there is no model of the AWS service {service!r}")


def empty(packages: Path, rule: dict[str, Any]) -> None:
    """Put an empty library in the place of those that the rule names, and let the module load without their functions.

    A weak symbol may stay undefined: whoever calls it all the same jumps to address 0 and ends its process.
    """
    module, folder = packages / rule["module"], packages / rule["folder"]
    before = _undefined(module)
    nothing = folder / "libnothing.so"
    if not nothing.exists():
        nothing.write_bytes(empty_library(MACHINES[os.uname().machine]))
    for pattern in rule["names"]:
        found = list(folder.glob(pattern))
        if not found:
            raise AssemblyError(f"{pattern} ({rule['why']}) matches nothing in {folder}")
        for path in found:
            path.unlink()
            path.symlink_to(nothing.name)
    weaken(module, _undefined(module) - before)
    left = _undefined(module) - before
    if left:
        raise AssemblyError(f"{rule['module']} cannot be loaded without {', '.join(sorted(left))} ({rule['why']})")


def _undefined(module: Path) -> set[str]:
    """Symbols that the loader finds in none of the module's libraries; those of Python are always among them."""
    said = subprocess.run(["ldd", "-r", str(module)], capture_output=True, text=True, check=False)  # noqa: S607
    return set(re.findall(r"undefined symbol: (\w+)", said.stdout + said.stderr))


def weaken(module: Path, names: set[str]) -> None:
    """Make undefined symbols of a module weak ones."""
    data = bytearray(module.read_bytes())
    table = _dynamic(data)
    symbols, strings, hashes = (_offset(data, table[tag]) for tag in (6, 5, 0x6FFFFEF5))  # SYMTAB, STRTAB, GNU_HASH
    # The hash table begins where symbols begin to be defined.
    [defined] = struct.unpack_from("<I", data, hashes + 4)
    for symbol in range(symbols, symbols + 24 * defined, 24):
        name_at, info = struct.unpack_from("<IB", data, symbol)
        start = strings + name_at
        if data[start : data.index(0, start)].decode() in names:
            data[symbol + 4] = info & 0xF | 0x20  # STB_WEAK
    module.write_bytes(data)


def empty_library(machine: int) -> bytes:
    """The smallest shared object that the loader takes: no function, and no version that it could be asked for."""
    at = {"dynamic": 64 + 3 * 56}
    at["symbols"] = at["dynamic"] + 6 * 16
    at["strings"] = at["symbols"] + 24
    at["hash"] = at["strings"] + 8
    size = at["hash"] + 16
    writable = 6
    return b"".join(
        (
            b"\x7fELF" + bytes((2, 1, 1)) + bytes(9),
            # a shared object with three segments and no section
            struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0),
            struct.pack("<IIQQQQQQ", 1, writable, 0, 0, 0, size, size, 0x10000),  # PT_LOAD: all of it
            struct.pack("<IIQQQQQQ", 2, writable, *[at["dynamic"]] * 3, 6 * 16, 6 * 16, 8),  # PT_DYNAMIC
            struct.pack("<IIQQQQQQ", 0x6474E551, writable, 0, 0, 0, 0, 0, 16),  # PT_GNU_STACK: not executable
            # DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_NULL
            struct.pack("<12Q", 4, at["hash"], 5, at["strings"], 6, at["symbols"], 10, 1, 11, 24, 0, 0),
            bytes(24),  # the null symbol
            bytes(8),  # the empty string, padded
            struct.pack("<4I", 1, 1, 0, 0),  # one bucket, one entry in the chain, both empty
        )
    )


def remove_unreferenced(folder: Path, module: Path) -> None:
    """Remove the libraries of a folder that `module` no longer leads to."""
    reached = {Path(path).name for path in _linked(module) if Path(path).is_relative_to(folder)}
    reached |= {path.readlink().name for path in folder.iterdir() if path.is_symlink()}
    for path in folder.iterdir():
        if path.name not in reached and not path.is_symlink():
            path.unlink()


def strip(library: Path) -> None:
    """Cut symbols for debuggers and section headers off the end of a shared object: what is loaded lies before them."""
    data = library.read_bytes()
    end = max((offset + size for _, offset, _, size in _segments(data)), default=0)
    if end and end < len(data):
        header = bytearray(data[:end])
        struct.pack_into("<Q", header, 40, 0)  # e_shoff
        struct.pack_into("<HH", header, 60, 0, 0)  # e_shnum, e_shstrndx
        mode = library.stat().st_mode
        library.write_bytes(header)
        library.chmod(mode)


def _segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int, int]]:
    """Type, offset in the file, address and size in the file of each segment of a little-endian 64-bit ELF file."""
    offset, (entry_size, count) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, start, address, _, size = struct.unpack_from("<IIQQQQ", data, offset + number * entry_size)
        yield kind, start, address, size


def _dynamic(data: bytes | bytearray) -> dict[int, int]:
    """Entries of the dynamic section by their tag."""
    [(start, size)] = [(start, size) for kind, start, _, size in _segments(data) if kind == 2]  # PT_DYNAMIC
    return dict(struct.iter_unpack("<QQ", data[start : start + size]))


def _offset(data: bytes | bytearray, address: int) -> int:
    """Where in the file an address is loaded from."""
    for kind, start, first, size in _segments(data):
        if kind == 1 and first <= address < first + size:  # PT_LOAD
            return start + address - first
    raise AssemblyError(f"address {address:#x} is in no segment")


def link_copies(root: Path) -> None:
    """Wheels cannot hold links and repeat a library under each of its names: make them links again."""
    first: dict[tuple[Path, str], Path] = {}
    for path in sorted(shared_objects(root)):
        key = (path.parent, hashlib.sha256(path.read_bytes()).hexdigest())
        if key in first:
            path.unlink()
            path.symlink_to(first[key].name)
        else:
            first[key] = path


def shared_objects(root: Path) -> Iterator[Path]:
    """Every shared object below `root` that the loader of this machine can load."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink() and (".so" in path.name or path.parent.name == "bin"):
            with path.open("rb") as file:
                if file.read(6) == b"\x7fELF\x02\x01":
                    yield path


def linked_libraries(root: Path) -> set[str]:
    """What the files below `root` are linked with and lies outside of it."""
    found: set[str] = set()
    for library in shared_objects(root):
        found |= {path for path in _linked(library) if not Path(path).is_relative_to(root)}
    return found


def _linked(library: Path) -> set[str]:
    said = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=False).stdout  # noqa: S607
    missing = re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE)
    if missing:
        raise AssemblyError(f"{library} is linked with {', '.join(missing)}, which is not there")
    return {os.path.normpath(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)}


def copy_with_links(path: Path, root: Path) -> None:
    """Copy one file to its place below `root`; links on the way are made anew there, and followed."""
    here = Path("/")
    parts = list(path.parts[1:])
    while parts:
        here /= parts.pop(0)
        there = root / here.relative_to("/")
        if here.is_symlink():
            target = here.readlink()
            if not there.is_symlink():
                there.parent.mkdir(parents=True, exist_ok=True)
                there.symlink_to(target)
            parts = [*Path(os.path.normpath(here.parent / target)).parts[1:], *parts]
            here = Path("/")
        elif here.is_dir():
            there.mkdir(exist_ok=True)
        elif not here.exists():
            raise AssemblyError(f"the base image has no {path}")
        elif not there.exists():
            shutil.copy2(here, there)


def describe_packages(root: Path) -> None:
    """Entries of the Debian packages that files came from, the way images without a package manager keep them."""
    names: set[str] = set()
    for path in (root / "usr").rglob("*"):
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(root / "usr/local"):
            names |= _owners(Path("/") / path.relative_to(root))
    if not names:
        raise AssemblyError("no file comes from a Debian package: what base image is this?")
    folder = root / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True)
    for name in sorted(names):
        entry = subprocess.run(["dpkg-query", "--status", name], capture_output=True, text=True, check=True).stdout  # noqa: S607
        (folder / name.partition(":")[0]).write_text(entry, encoding="utf-8")
        copyright_file = Path("/usr/share/doc") / name.partition(":")[0] / "copyright"
        if copyright_file.exists():
            copy_with_links(copyright_file, root)


def _owners(path: Path) -> set[str]:
    """Debian packages that own a file; older ones name it without the /usr that /lib is a link into."""
    for name in (path, Path("/") / path.relative_to("/usr")):
        said = subprocess.run(["dpkg-query", "--search", str(name)], capture_output=True, text=True, check=False)  # noqa: S607
        if said.returncode == 0:
            owners = said.stdout.rpartition(": ")[0]
            return {owner.strip() for owner in owners.split(",")}
    return set()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
