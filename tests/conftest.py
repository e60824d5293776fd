"""What tests of every part share."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.platform"]


@pytest.fixture(scope="session")
def camera_raws() -> Path:
    """The folder of real camera RAW files; tests that need it carry the mark `camera`."""
    folder = os.environ.get("RAWMILL_CAMERA_RAWS")
    if not folder:
        pytest.skip("RAWMILL_CAMERA_RAWS names no folder of camera RAW files")
    return Path(folder)
