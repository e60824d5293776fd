"""Sample files that many tests read. They are made once per session (and per xdist worker); never write to them."""

from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from processor.sample import SampleTruth, make_sample
from processor.sample.dng import Compression
from processor.sample.maker import RGGB
from tests.processor.bad_files import Sources


class Sample(NamedTuple):
    """A sample file and the truth about it."""

    path: Path
    truth: SampleTruth


class MakeDng(Protocol):
    """Makes a sample, or hands out the one that was made of the same arguments before: treat it as read-only."""

    def __call__(
        self,
        *,
        width_px: int = 384,
        height_px: int = 256,
        seed: int = 1,
        compression: Compression = "none",
        orientation: int = 1,
        preview_px: int | None = 192,
        pattern: tuple[int, int, int, int] = RGGB,
        gps: bool = False,
    ) -> Sample: ...


@pytest.fixture(scope="session")
def make_dng(tmp_path_factory: pytest.TempPathFactory) -> MakeDng:
    """Factory of samples, 384×256 unless told otherwise."""
    folder = tmp_path_factory.mktemp("samples")
    made: dict[tuple[object, ...], Sample] = {}

    def make(
        *,
        width_px: int = 384,
        height_px: int = 256,
        seed: int = 1,
        compression: Compression = "none",
        orientation: int = 1,
        preview_px: int | None = 192,
        pattern: tuple[int, int, int, int] = RGGB,
        gps: bool = False,
    ) -> Sample:
        key = (width_px, height_px, seed, compression, orientation, preview_px, pattern, gps)
        if key not in made:
            path = folder / f"sample-{len(made):03d}.dng"
            truth = make_sample(
                path,
                width_px=width_px,
                height_px=height_px,
                seed=seed,
                compression=compression,
                orientation=orientation,
                preview_px=preview_px,
                pattern=pattern,
                gps=gps,
            )
            made[key] = Sample(path, truth)
        return made[key]

    return make


@pytest.fixture(scope="session")
def sample_dng(make_dng: MakeDng) -> Sample:
    """Uncompressed, 1536×1024, with a preview of 1024 pixels, EXIF and GPS."""
    return make_dng(width_px=1536, height_px=1024, preview_px=1024, gps=True)


@pytest.fixture(scope="session")
def sample_ljpeg_dng(make_dng: MakeDng) -> Sample:
    """The same photo as `sample_dng`, compressed without loss."""
    return make_dng(width_px=1536, height_px=1024, preview_px=1024, gps=True, compression="lossless-jpeg")


@pytest.fixture(scope="session")
def sample_6mp(make_dng: MakeDng) -> Sample:
    """Uncompressed, 3000×2000: large enough that developing it takes measurable time and memory."""
    return make_dng(width_px=3000, height_px=2000, preview_px=1620)


@pytest.fixture(scope="session")
def sources(make_dng: MakeDng) -> Sources:
    """Small good samples from which bad files are made."""
    return Sources(make_dng().path, make_dng(compression="lossless-jpeg").path)
