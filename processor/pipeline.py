"""Develops one original: read, decode, then resize, filter, watermark, encode and store every rendition."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from processor import heap, integrity
from processor.decode import decode
from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.licences import Licences
from processor.limits import Limits
from processor.metadata import camera_exif
from processor.original import Original, open_original
from processor.plan import Plan, make_plan
from processor.recipe import Recipe
from processor.renditions import Canvas, make_renditions
from processor.result import ImageResult, Status
from processor.store import OutputFolder, SourceFile, content_digest, output_key
from processor.types import Verdict


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
        _refuse_damaged(integrity.inspect(original, None))
        key = output_key(content_digest(source), digest)
        done = folder.finished_key(stem, key)
        if done is not None:
            folder.note(file, stem, key=key, recipe=digest)
            return _skipped(done, source)
        plan = make_plan(original.header, recipe)
        if limits.memory_bytes is not None and plan.predicted_memory_bytes > limits.memory_bytes:
            raise NeedsMemory(plan.predicted_memory_bytes)
        clock.enter(Stage.DECODE)
        with _memory_blamed(source, plan):
            decoded = _decode(original, plan, recipe)
    # The original is closed: its sensor values are not needed any more, and they are the largest thing in memory.
    with _memory_blamed(source, plan):
        outputs = make_renditions(
            decoded.canvas,
            plan,
            recipe,
            exif=decoded.exif,
            folder=folder,
            name=f"{stem}.{key}",
            enter=clock.enter,
            licence=lambda name: nullcontext() if licences is None else licences.hold(name, image=str(source)),
        )
    clock.enter(Stage.STORE)
    result = ImageResult(
        source=str(source),
        status=Status.OK,
        verdict=decoded.verdict,
        evidence=decoded.evidence,
        decode_path=plan.decode_path,
        megapixels=decoded.megapixels,
        size_bytes=file.size_bytes,
        outputs=outputs,
        timings=clock.stop(),
        cpu_s=clock.cpu_s(),
        peak_memory_bytes=heap.peak_resident_bytes(),
    )
    folder.record(file, stem, key=key, recipe=digest, result=result)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    """What is left of an original when it is closed."""

    canvas: Canvas
    exif: Image.Exif
    verdict: Verdict
    evidence: tuple[str, ...]
    megapixels: float


def _decode(original: Original, plan: Plan, recipe: Recipe) -> _Decoded:
    header = original.header
    heap.give_back()
    frame = decode(original, plan.decode_path, recipe.colour_space)
    inspection = integrity.inspect(original, frame)
    _refuse_damaged(inspection)
    return _Decoded(
        canvas=Canvas(frame),
        exif=camera_exif(original.path, original.raw, make=header.make, model=header.model),
        verdict=inspection.verdict,
        evidence=inspection.evidence,
        megapixels=round(header.width_px * header.height_px / 1e6, 3),
    )


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


@contextmanager
def _memory_blamed(source: Path, plan: Plan) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        predicted = plan.predicted_memory_bytes >> 20
        message = f"{source.name}: memory ran out; {predicted} MiB were predicted"
        raise ImageError(ReasonCode.OUT_OF_MEMORY, message) from error


def _refuse_damaged(inspection: integrity.Inspection) -> None:
    if inspection.reason is not None:
        raise ImageError(inspection.reason, " ".join(inspection.evidence))


def _skipped(done: ImageResult, source: Path) -> ImageResult:
    return replace(done, source=str(source), status=Status.SKIPPED, timings={}, cpu_s=0.0, peak_memory_bytes=0)
