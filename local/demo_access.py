"""What lets a newcomer in: an API key and a user of the tenant `demo`, made by the operator's own tools."""

import os
import secrets
import subprocess
from pathlib import Path
from typing import Protocol

from local.errors import LocalError, LocalReason

TENANT = "demo"
EMAIL = "demo@example.com"


class Manage(Protocol):
    """Runs a command of `python -m service manage`, with `told` on its standard input."""

    def __call__(self, *command: str, told: str = "") -> "subprocess.CompletedProcess[str]":
        """Wait for its end."""


def make_api_key(path: Path, manage: Manage) -> None:
    """Write the token into `path`, for its owner's eyes; a key that is there already stays."""
    if path.exists():
        return
    # A tenant that is there already is as good as a new one.
    manage("tenants", "create", TENANT, "--name", "Demo")
    made = manage("api_keys", "create", TENANT, "--name", "local")
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no API key could be made: {made.stderr.strip()}")
    _write(path, made.stdout.strip())


def make_user(path: Path, manage: Manage) -> None:
    """Write address and password of an operator into `path`, a line each; a user that is there already stays."""
    if path.exists():
        return
    password = secrets.token_urlsafe(12)
    who = [EMAIL, "--tenant", TENANT, "--name", "Demo", "--role", "operator", "--password-stdin"]
    made = manage("users", "create", *who, told=password)
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no user of the console could be made: {made.stderr.strip()}")
    _write(path, f"{EMAIL}\n{password}\n")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
