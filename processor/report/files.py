"""Writes a report's files whole or not at all."""

import os
import tempfile
from pathlib import Path

from processor.errors import UsageError


def write_whole(path: Path, text: str) -> Path:
    """Write UTF-8 text under a temporary name, then rename it; returns the path.

    Raises:
        UsageError: the folder cannot be written.
    """
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.chmod(temporary, 0o644)  # noqa: PTH101 - mkstemp makes it private; a report is to be read
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise UsageError(f"{os.fspath(path)!r} cannot be written: {error.strerror or error}") from error
    return path
