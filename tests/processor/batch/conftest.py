"""Batches over text files whose words say what happens to them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processor.batch import BatchObserver, BatchOptions, run_batch
from processor.limits import Limits
from processor.recipe import Recipe, Rendition
from processor.report.model import BatchReport

FAKE = "tests.processor.batch.fakes:develop"


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(renditions=(Rendition(name="thumb", long_edge_px=320),))


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of originals: one word list each."""

    def make(*scripts: str) -> Path:
        folder = tmp_path / "shoot"
        folder.mkdir(exist_ok=True)
        for number, script in enumerate(scripts):
            (folder / f"{number:03d}.dng").write_text(script)
        return folder

    return make


@pytest.fixture
def run(tmp_path: Path, recipe: Recipe) -> Callable[..., BatchReport]:
    """Runs a folder of scripts into tmp_path/out with fake work."""

    def start(
        folder: Path, *, timeout_s: float = 30.0, observer: BatchObserver | None = None, **options: Any
    ) -> BatchReport:
        options.setdefault("jobs", 2)
        options.setdefault("memory_bytes", 4 << 30)
        options.setdefault("function", FAKE)
        # The words leave their marks beside the originals.
        options.setdefault("writable", (tmp_path, Path("/dev/full")))
        chosen = BatchOptions(limits=Limits(timeout_s=timeout_s), **options)
        return run_batch([folder], recipe, tmp_path / "out", chosen, observer)

    return start
