"""What tests of every part share."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.platform"]

WHOLE = {"tests/client": "live", "tests/local": "platform", "tests/service": "farm"}
"""Fixtures that start whole workers, the service or the whole platform, and wait for what they do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that ask for one of them: `make test-platform` runs these, `make test` the others."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if any(item.nodeid.startswith(folder) and fixture in asked for folder, fixture in WHOLE.items()):
            item.add_marker("platform")


@pytest.fixture(scope="session")
def camera_raws() -> Path:
    """The folder of real camera RAW files; tests that need it carry the mark `camera`."""
    folder = os.environ.get("RAWMILL_CAMERA_RAWS")
    if not folder:
        pytest.skip("RAWMILL_CAMERA_RAWS names no folder of camera RAW files")
    return Path(folder)
