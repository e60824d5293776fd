"""Files that subcommands write."""

from pathlib import Path

from audit.errors import AuditError, Problem


def write(path: Path, text: str, *, with_folders: bool = False) -> None:
    """Write a file, and if wanted the folders above it that are not there.

    Raises:
        AuditError: it cannot be written.
    """
    try:
        if with_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be written ({error.strerror})")]) from None
