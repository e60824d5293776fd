"""The processor's own designs: the same job by its three tiers, everything included that a batch does per image."""

import itertools
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bench.job import (
    BLUR_PX,
    LOGO_MARGIN,
    LOGO_OPACITY,
    LOGO_SCALE,
    QUALITY,
    SHARPEN_PERCENT,
    SHARPEN_RADIUS_PX,
    Job,
)
from bench.naive import StageSeconds
from processor.errors import Stage
from processor.limits import Limits
from processor.pipeline import develop
from processor.recipe import Blur, Format, Recipe, Rendition, Unsharp, Watermark
from processor.result import ImageResult
from processor.types import Tier


def recipe(job: Job, tier: Tier) -> Recipe:
    """The job as a recipe."""
    return Recipe(
        name="bench",
        tier=tier,
        filters=(
            Blur(radius_px=BLUR_PX),
            Unsharp(radius_px=SHARPEN_RADIUS_PX, amount_percent=SHARPEN_PERCENT, threshold=0),
        ),
        watermark=Watermark(logo=job.logo, opacity=LOGO_OPACITY, scale=LOGO_SCALE, margin=LOGO_MARGIN),
        renditions=tuple(
            Rendition(
                name=name,
                long_edge_px=long_edge_px,
                quality=QUALITY,
                format=Format.PNG if job.lossless else Format.JPEG,
            )
            for name, long_edge_px in job.long_edges_px.items()
        ),
    )


def make(job: Job, tier: Tier) -> Callable[[], StageSeconds]:
    """The work on one image, to be repeated; returns processor seconds by stage.

    Every call develops anew under another stem: reading, checking, the content's hash and the receipts are part of it.
    """
    shutil.rmtree(job.out_dir, ignore_errors=True)
    made = recipe(job, tier)
    numbers = itertools.count()

    def work() -> StageSeconds:
        clock = _StageClock()
        result = develop(
            job.source, made, job.out_dir, stem=f"run-{next(numbers)}", limits=Limits(), on_stage=clock.enter
        )
        seconds = clock.stop()
        _keep_plain_names(result, job.out_dir)
        return seconds

    return work


def _keep_plain_names(result: ImageResult, out_dir: Path) -> None:
    """Leaves `RENDITION.jpg` (or `.png`) for the comparison with the baseline."""
    for output in result.outputs:
        path = out_dir / output.path
        path.replace(out_dir / f"{output.rendition}{path.suffix}")


class _StageClock:
    """Processor seconds between the stages that the pipeline announces."""

    def __init__(self) -> None:
        self._seconds: StageSeconds = {}
        self._stage: Stage | None = None
        self._since_s = time.process_time()

    def enter(self, stage: Stage) -> None:
        self.stop()
        self._stage = stage

    def stop(self) -> StageSeconds:
        now_s = time.process_time()
        if self._stage is not None:
            self._seconds[self._stage.value] = self._seconds.get(self._stage.value, 0.0) + now_s - self._since_s
        self._since_s = now_s
        return self._seconds
