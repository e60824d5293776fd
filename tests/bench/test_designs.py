"""The baseline and the processor do the same job: else their times could not be compared."""

from dataclasses import replace

import numpy as np
import pytest

from bench import naive, ours
from bench.job import Job
from bench.part import Bench
from bench.quality import psnr_db, read_picture, ssim
from processor.sample import render_scene
from processor.types import Tier

LEAST_DB = {"4k": 42, "1080p": 42, "thumb": 42}

# A smaller frame of the same scene has more detail per pixel than any that targets are set for.
SIZE_PX, LONG_EDGES_PX = (2064, 1376), {"4k": 960, "1080p": 480, "thumb": 80}


@pytest.fixture(scope="module")
def job(bench: Bench) -> Job:
    """The job on a small original whose half still holds the largest rendition; pictures without encoding losses."""
    return replace(bench.job(bench.sample(SIZE_PX), "designs"), long_edges_px=LONG_EDGES_PX, lossless=True)


@pytest.fixture(scope="module")
def baseline(job: Job) -> Job:
    """The job as the baseline does it."""
    mine = replace(job, out_dir=job.out_dir / "naive")
    naive.make(mine)()
    return mine


@pytest.mark.parametrize("tier", [Tier.STANDARD, Tier.BEST])
def test_the_processor_makes_the_pictures_of_the_baseline(job: Job, baseline: Job, tier: Tier) -> None:
    mine = replace(job, out_dir=job.out_dir / tier)
    ours.make(mine, tier)()
    for name, least_db in LEAST_DB.items():
        expected, made = (read_picture(of.out_dir / f"{name}.png") for of in (baseline, mine))
        assert psnr_db(expected, made) >= least_db, name
        assert ssim(expected, made) >= 0.98, name


def test_the_logo_stands_in_the_same_place(job: Job, baseline: Job) -> None:
    """A logo off by a few pixels would hardly lower the PSNR of the whole picture; its own corner shows it."""
    mine = replace(job, out_dir=job.out_dir / "logo")
    ours.make(mine, Tier.BEST)()
    expected, made = (read_picture(of.out_dir / "4k.png") for of in (baseline, mine))
    height, width = expected.shape[:2]
    corner = np.s_[height * 3 // 4 :, width * 3 // 4 :]
    assert psnr_db(expected[corner], made[corner]) >= 38


def test_a_design_reports_the_processor_time_of_every_stage(job: Job) -> None:
    naive_s = naive.make(replace(job, out_dir=job.out_dir / "stages"))()
    ours_s = ours.make(replace(job, out_dir=job.out_dir / "stages-ours"), Tier.STANDARD)()
    assert list(naive_s) == ["decode", "resize", "filters", "watermark", "encode"]
    assert {*naive_s, "read", "store"} == set(ours_s)
    assert all(seconds >= 0 for seconds in (*naive_s.values(), *ours_s.values()))


def test_every_run_of_the_processor_develops_anew(job: Job) -> None:
    """A run that found its receipt would be measured as very fast."""
    work = ours.make(replace(job, out_dir=job.out_dir / "again"), Tier.STANDARD)
    assert "encode" in work()
    assert "encode" in work()


def test_ssim_is_one_for_the_same_and_less_for_a_blurred_picture() -> None:
    picture = render_scene(240, 160, 1)
    blurred = np.asarray((picture // 2 + np.roll(picture, 3, axis=1) // 2), np.uint8)
    assert ssim(picture, picture) == pytest.approx(1)
    assert ssim(picture, blurred) < 0.95
