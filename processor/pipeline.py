"""Develops one original: read, decode, then resize, filter, watermark, encode and store every rendition."""

import resource
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from processor import encode, filters, integrity, watermark
from processor.batch.licences import Licences
from processor.colour import icc_profile
from processor.decode import decode
from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.limits import Limits
from processor.metadata import camera_exif, rendition_exif
from processor.original import Original, open_original
from processor.plan import Plan, make_plan
from processor.recipe import Recipe, Rendition
from processor.resize import resize, upright
from processor.result import ImageResult, Output, Status
from processor.store import OutputFolder, SourceFile, content_digest, output_key
from processor.types import Frame, Rgb8, Verdict

FILTER_LICENCE = "filter_license"
WATERMARK_LICENCE = "watermark_license"

_SWAPS_SIDES = {5, 6, 7, 8}
_RUSAGE_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def develop(
    source: Path,
    recipe: Recipe,
    out_dir: Path,
    *,
    stem: str,
    limits: Limits,
    on_stage: Callable[[Stage], None] = lambda _stage: None,
    licences: Licences | None = None,
) -> ImageResult:
    """Makes every rendition of one original and stores them below `out_dir`.

    Args:
        source: the RAW file.
        recipe: what to make.
        out_dir: the batch's output folder.
        stem: output path without extension, relative to `out_dir`.
        limits: `memory_bytes` is what this image may use.
        on_stage: told of every stage that begins.
        licences: seats for the filter and watermark stages, where the batch has any.

    Returns:
        The record: `ok`, or `skipped` when the same bytes and recipe have been developed into this folder before.

    Raises:
        ImageError: the image cannot be developed; nothing of it is left in the folder.
        NeedsMemory: its plan needs more than `limits.memory_bytes`.
    """
    clock = _StageClock(on_stage)
    folder = OutputFolder(out_dir)
    digest = recipe.digest()
    clock.enter(Stage.READ)
    file = SourceFile.of(source)
    done = folder.finished(file, stem, digest)
    if done is not None:
        return _skipped(done, source)
    with open_original(source, limits=limits) as original:
        _refuse_damaged(*integrity.inspect(original, None))
        key = output_key(content_digest(source), digest)
        done = folder.finished_key(stem, key)
        if done is not None:
            folder.note(file, stem, key=key, recipe=digest)
            return _skipped(done, source)
        plan = make_plan(original.header, recipe)
        if limits.memory_bytes is not None and plan.predicted_memory_bytes > limits.memory_bytes:
            raise NeedsMemory(plan.predicted_memory_bytes)
        job = _Job(recipe=recipe, folder=folder, licences=licences, clock=clock, image=str(source))
        result = _make(original, plan, job, name=f"{stem}.{key}")
    clock.enter(Stage.STORE)
    result = replace(
        result,
        timings=clock.stop(),
        cpu_s=clock.cpu_s(),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RUSAGE_UNIT_BYTES,
    )
    folder.record(file, stem, key=key, recipe=digest, result=result)
    return result


class _StageClock:
    """Wall seconds by stage, and the processor time of the whole."""

    def __init__(self, on_stage: Callable[[Stage], None]) -> None:
        self._on_stage = on_stage
        self._seconds: dict[str, float] = {}
        self._stage: Stage | None = None
        self._since_s = time.perf_counter()
        self._cpu_began_s = time.process_time()

    def enter(self, stage: Stage) -> None:
        if stage is not self._stage:
            self.stop()
            self._stage = stage
            self._on_stage(stage)

    def stop(self) -> dict[str, float]:
        now_s = time.perf_counter()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now_s - self._since_s
        self._since_s = now_s
        return {stage.value: self._seconds[stage] for stage in Stage if stage in self._seconds}

    def cpu_s(self) -> float:
        return time.process_time() - self._cpu_began_s


@dataclass(slots=True, kw_only=True)
class _Job:
    """What the stages of one image share."""

    recipe: Recipe
    folder: OutputFolder
    licences: Licences | None
    clock: _StageClock
    image: str

    def licence(self, name: str) -> AbstractContextManager[None]:
        return nullcontext() if self.licences is None else self.licences.hold(name, image=self.image)


def _make(original: Original, plan: Plan, job: _Job, *, name: str) -> ImageResult:
    """Decodes once and makes all renditions from it, the largest first, each from the one above it."""
    header = original.header
    job.clock.enter(Stage.DECODE)
    try:
        frame = decode(original, plan.decode_path, job.recipe.colour_space)
        verdict, evidence = integrity.inspect(original, frame)
        _refuse_damaged(verdict, evidence)
        exif = camera_exif(original.path, original.raw, make=header.make, model=header.model)
        outputs = _renditions(frame, plan, job, exif, name)
    except MemoryError as error:
        raise ImageError(
            ReasonCode.OUT_OF_MEMORY,
            f"{original.path.name}: memory ran out; {plan.predicted_memory_bytes >> 20} MiB were predicted",
        ) from error
    return ImageResult(
        source=job.image,
        status=Status.OK,
        verdict=verdict,
        evidence=evidence,
        decode_path=frame.decode_path,
        megapixels=round(header.width_px * header.height_px / 1e6, 3),
        size_bytes=header.size_bytes,
        outputs=outputs,
    )


def _renditions(frame: Frame, plan: Plan, job: _Job, exif: Image.Exif, name: str) -> tuple[Output, ...]:
    recipe, clock = job.recipe, job.clock
    profile = icc_profile(frame.colour_space)
    by_size = sorted(zip(recipe.renditions, plan.renditions, strict=True), key=lambda pair: -pair[0].long_edge_px)
    clean = frame.pixels
    turned = False
    outputs: dict[str, Output] = {}
    written: list[str] = []
    try:
        for rendition, planned in by_size:
            clock.enter(Stage.RESIZE)
            size = (planned.width_px, planned.height_px)
            if turned:
                clean = resize(clean, size)
            else:
                # Turned once, after the first and largest step: fewer pixels to move, and never twice.
                sideways = frame.orientation in _SWAPS_SIDES
                clean = upright(resize(clean, size[::-1] if sideways else size), frame.orientation)
                turned = True
            pixels = _finished(clean, rendition, job)
            clock.enter(Stage.ENCODE)
            block = rendition_exif(exif, size, frame.colour_space, private=recipe.private) if recipe.keep_exif else b""
            content = encode.encode(pixels, rendition, icc_profile=profile, exif=block)
            clock.enter(Stage.STORE)
            path = f"{name}.{rendition.name}.{encode.EXTENSION[rendition.format]}"
            job.folder.write(path, content)
            written.append(path)
            outputs[rendition.name] = Output(
                rendition=rendition.name, path=path, width_px=size[0], height_px=size[1], size_bytes=len(content)
            )
    except BaseException:
        job.folder.remove(written)
        raise
    return tuple(outputs[rendition.name] for rendition in recipe.renditions)


def _finished(clean: Rgb8, rendition: Rendition, job: _Job) -> Rgb8:
    """Filters and watermark on a copy: the clean picture still feeds the smaller renditions."""
    pixels = clean
    steps = job.recipe.filters_of(rendition)
    if steps:
        job.clock.enter(Stage.FILTERS)
        with job.licence(FILTER_LICENCE):
            pixels = filters.apply(clean, steps)
    mark = job.recipe.watermark
    if mark is not None and rendition.watermark:
        job.clock.enter(Stage.WATERMARK)
        with job.licence(WATERMARK_LICENCE):
            if pixels is clean:
                pixels = clean.copy()
            watermark.stamp(pixels, mark)
    return pixels


def _refuse_damaged(verdict: Verdict, evidence: tuple[str, ...]) -> None:
    if verdict is Verdict.DAMAGED:
        raise ImageError(ReasonCode.DAMAGED, "; ".join(evidence))


def _skipped(done: ImageResult, source: Path) -> ImageResult:
    return replace(done, source=str(source), status=Status.SKIPPED, timings={}, cpu_s=0.0, peak_memory_bytes=0)
