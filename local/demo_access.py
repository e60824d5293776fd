"""What lets a newcomer in: an API key and a user of the tenant `demo`, made by the operator's own tools."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason

TENANT = "demo"
EMAIL = "demo@example.com"


def make_api_key(path: Path, environment: Mapping[str, str]) -> None:
    """Write the token into `path`, for its owner's eyes; a key that is there already stays."""
    if path.exists():
        return
    # A tenant that is there already is as good as a new one.
    _manage(environment, "tenants", "create", TENANT, "--name", "Demo")
    made = _manage(environment, "api_keys", "create", TENANT, "--name", "local")
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no API key could be made: {made.stderr.strip()}")
    _write(path, made.stdout.strip())


def make_user(path: Path, environment: Mapping[str, str]) -> None:
    """Write address and password of an operator into `path`, a line each; a user that is there already stays."""
    if path.exists():
        return
    password = secrets.token_urlsafe(12)
    who = [EMAIL, "--tenant", TENANT, "--name", "Demo", "--role", "operator", "--password-stdin"]
    made = _manage(environment, "users", "create", *who, told=password)
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no user of the console could be made: {made.stderr.strip()}")
    _write(path, f"{EMAIL}\n{password}\n")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _manage(environment: Mapping[str, str], *command: str, told: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "service", "manage", *command],
        env=dict(environment),
        cwd=ROOT,
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
