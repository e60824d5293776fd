"""What tests of the benchmark share: runs of the smallest scale, whose figures mean nothing but their form."""

import pytest

from bench.part import Bench
from bench.scale import TINY


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A run of the smallest scale in a folder of its own."""
    return Bench(scale=TINY, folder=tmp_path_factory.mktemp("bench"))
