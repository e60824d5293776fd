"""Commands as runbooks print them, and a shell to type them into."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from chaos.errors import ChaosError
from local.aws.endpoints import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
_FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_TIMEOUT_S = 300
# In AWS a task inside the VPC runs the command; here it is run beside the platform.
_MAINTENANCE = 'maintenance() { shift; make --no-print-directory manage RUN="$*"; }\n'


def marked(runbook: str, drill: str) -> list[str]:
    """The fenced commands between `<!-- drill: NAME -->` and `<!-- end -->`, one script a fence.

    Raises:
        ChaosError: there are none.
    """
    text = (RUNBOOKS / f"{runbook}.md").read_text(encoding="utf-8")
    block = text.partition(f"<!-- drill: {drill} -->")[2].partition("<!-- end -->")[0]
    scripts = _FENCE.findall(block)
    if not scripts:
        raise ChaosError(f"docs/runbooks/{runbook}.md has no commands for the drill {drill}")
    return scripts


def maintenance_commands(runbook: str) -> list[str]:
    """Every line of a runbook that asks the service's own tools."""
    text = (RUNBOOKS / f"{runbook}.md").read_text(encoding="utf-8")
    lines = [line for script in _FENCE.findall(text) for line in script.splitlines()]
    return [line for line in lines if line.startswith("maintenance ")]


def typed(script: str, *, data: Path, filled: Mapping[str, str]) -> str:
    """Types a script, with its placeholders filled in; returns what it printed.

    Raises:
        ChaosError: it did not end well.
    """
    for word, value in filled.items():
        script = re.sub(rf"\b{word}\b", value, script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _MAINTENANCE + script],  # noqa: S607 - the shell of whoever reads the page
        cwd=ROOT,
        env={**os.environ, "DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise ChaosError(f"a runbook's command failed:\n{script}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
