"""Users do not look at queues and buckets."""

import pytest

from tests.platform import Resources


@pytest.fixture
def resources(shared_resources: Resources) -> Resources:
    """In the place of new ones for each test."""
    return shared_resources
