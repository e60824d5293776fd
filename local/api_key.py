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
    tenants = _manage(environment, "tenants", "list")
    if TENANT not in {line.split("\t")[0] for line in tenants.splitlines()}:
        _manage(environment, "tenants", "create", TENANT, "--name", "Demo")
    token = _manage(environment, "api_keys", "create", TENANT, "--name", "local").strip()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)


def _manage(environment: Mapping[str, str], *command: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "service", "manage", *command],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise LocalError(LocalReason.NOT_READY, f"`manage {' '.join(command)}` failed: {ran.stderr.strip()}")
    return ran.stdout
