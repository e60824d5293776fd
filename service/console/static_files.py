"""Style sheets and scripts under addresses that change with their content, so that browsers keep them for ever.

All of them share one version, the digest over the folder: a script then finds the modules that it imports beside it.
"""

import functools
import hashlib
from pathlib import Path

STATIC_FOLDER = Path(__file__).parent / "static"
_DIGITS = 12


@functools.cache
def static_version() -> str:
    """The version of the folder's content."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC_FOLDER.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(STATIC_FOLDER).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:_DIGITS]


def is_immutable(_path: str, url: str) -> bool:
    """Whether what is at `url` never changes: asked by WhiteNoise, which serves the files."""
    return f"/{static_version()}/" in url
