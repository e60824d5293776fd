"""An API key of the tenant `demo`, made by the operator's own tool."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason

TENANT = "demo"


def make_api_key(path: Path, environment: Mapping[str, str]) -> None:
    """Write the token into `path`, for its owner's eyes; a key that is there already stays."""
    if path.exists():
        return
    # A tenant that is there already is as good as a new one.
    _manage(environment, "tenants", "create", TENANT, "--name", "Demo")
    made = _manage(environment, "api_keys", "create", TENANT, "--name", "local")
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no API key could be made: {made.stderr.strip()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(made.stdout.strip())


def _manage(environment: Mapping[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "service", "manage", *command],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
