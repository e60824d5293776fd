"""The cloud assembly of an environment, synthesized once and again only when what it is made from has changed."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from local.aws.endpoints import ROOT
from local.errors import LocalError, LocalReason

_CACHE = ROOT / "build" / "assembly"
# The container image is no input: nothing here builds it, the code runs where it lies.
_INPUTS = ("app.py", "cdk.json", "requirements-infrastructure.txt", "Dockerfile", "stacks", "lambda")


def assembly_folder(environment: str, *, cache: Path = _CACHE) -> Path:
    """The folder of the assembly of `environment`; `LocalError` with what `app.py` says when it is refused."""
    cache.mkdir(parents=True, exist_ok=True)
    folder, made_from = cache / environment, cache / f"{environment}.inputs"
    with FileLock(cache / f"{environment}.lock"):
        digest = _digest(environment)
        if folder.exists() and made_from.exists() and made_from.read_text() == digest:
            return folder
        made_from.unlink(missing_ok=True)
        synthesize(environment, cache)
        made_from.write_text(digest)
        return folder


def synthesize(environment: str, output: Path, *, settings: Path | None = None) -> Path:
    """Make the assembly of `environment` below `output`, from another folder of settings if one is named.

    Raises:
        LocalError: `app.py` refuses; the message is what it says.
    """
    options = ["--output", str(output), *(["--settings", str(settings)] if settings else [])]
    made = subprocess.run(
        [sys.executable, "app.py", environment, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        # Synthesis is offline: credentials of this shell are none of its business.
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    if made.returncode:
        said = (made.stderr.strip() or made.stdout.strip())[-2000:]
        raise LocalError(LocalReason.TEMPLATE_REFUSED, f"the templates of {environment} cannot be made: {said}")
    return output / environment


def _digest(environment: str) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in _files(environment):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(environment: str) -> Iterator[Path]:
    yield ROOT / "environments" / f"{environment}.toml"
    for name in _INPUTS:
        path = ROOT / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
