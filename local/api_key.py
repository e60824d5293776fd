"""An API key of the tenant `demo`, made by the operator's own tool."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from local.errors import LocalError, LocalReason

TENANT = "demo"


def make_api_key(path: Path, manage: "Callable[..., subprocess.CompletedProcess[str]]") -> None:
    """Write the token into `path`, for its owner's eyes; a key that is there already stays.

    Args:
        manage: runs a command of `python -m service manage`.
    """
    if path.exists():
        return
    # A tenant that is there already is as good as a new one.
    manage("tenants", "create", TENANT, "--name", "Demo")
    made = manage("api_keys", "create", TENANT, "--name", "local")
    if made.returncode:
        raise LocalError(LocalReason.NOT_READY, f"no API key could be made: {made.stderr.strip()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(made.stdout.strip())
