"""The `docker` command line, as far as this package needs it."""

import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from image.errors import ImageError, ImageReason


def docker(*arguments: str) -> str:
    """What `docker ARGUMENTS` writes to standard output.

    Raises:
        ImageError: there is no engine, or it says no.
    """
    command = shutil.which("docker")
    if command is None:
        raise ImageError(ImageReason.NO_ENGINE, "the command `docker` is not installed: no image can be looked at")
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise ImageError(ImageReason.TOOL_FAILED, f"docker {arguments[0]}: {said}")
    return done.stdout.strip()


def why_no_engine() -> str | None:
    """Why nothing can be built or run here; None when it can."""
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except ImageError as error:
        return f"no Docker engine answers: {error}"
    return None


def inspect(image: str) -> dict[str, Any]:
    """What the engine knows of an image.

    Raises:
        ImageError: it has no such image.
    """
    try:
        found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    except ImageError as error:
        if why_no_engine() is not None:
            raise
        raise ImageError(ImageReason.NO_IMAGE, f"there is no image {image!r} here: run `make image`") from error
    return found


@contextmanager
def files_of(image: str) -> Iterator[tarfile.TarFile]:
    """All files of an image as one archive. No process of the image runs for it."""
    inspect(image)
    with tempfile.TemporaryDirectory(prefix="rawmill-image-") as folder:
        container = docker("create", image)
        try:
            archive = Path(folder) / "image.tar"
            docker("export", "--output", str(archive), container)
        finally:
            docker("rm", "--volumes", container)
        with tarfile.open(archive) as files:
            yield files
