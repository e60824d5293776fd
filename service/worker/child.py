"""The child's side of a slot: fetches, develops and delivers one image after another, and may die at any moment."""

import pickle
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from processor.batch.blame import blame
from processor.batch.board import Board
from processor.batch.child import StageClock, begin_attempt, prepare_process, settle_process
from processor.batch.memory import limit_own_memory, private_bytes
from processor.errors import NeedsMemory, Stage
from processor.heap import peak_resident_bytes
from processor.licences import Licences
from processor.recipe import Recipe
from processor.result import ImageResult
from service.worker.archive.write import write_archive
from service.worker.licences import open_licences
from service.worker.scratch import recipe_path
from service.worker.tasks import (
    ArchiveMade,
    ArchiveTask,
    ChildSetup,
    Failure,
    ImageMade,
    ImageTask,
    NeedsMore,
    Reply,
)
from service.worker.transfer import Transfer, TransferError

_STEM = "image"
"""Renditions are called `image.KEY.RENDITION.EXT`: a customer's file name never becomes a key."""


@dataclass(slots=True)
class _Child:
    """What lives as long as the process."""

    setup: ChildSetup
    function: Callable[..., ImageResult]
    board: Board
    transfer: Transfer
    licences: Licences | None
    recipe: Callable[[str], Recipe]
    baseline_bytes: int | None


_child: _Child | None = None


def initialise(setup: ChildSetup) -> None:
    """Prepare this process: called once by the pool, before the first task."""
    global _child  # noqa: PLW0603 - the pool calls plain functions; a process is one child
    prepare_process(setup.log_path)
    module, _, name = setup.function.partition(":")
    _child = _Child(
        setup=setup,
        function=getattr(import_module(module), name),
        board=Board(setup.board_path),
        transfer=Transfer(setup),
        licences=None if setup.licences is None else open_licences(setup.licences),
        recipe=lru_cache(maxsize=16)(lambda digest: _load_recipe(setup.scratch, digest)),
        baseline_bytes=private_bytes(),
    )
    settle_process()


def run(task: ImageTask | ArchiveTask) -> bytes:
    """Run one attempt and return its pickled Reply; whatever goes wrong is told in it."""
    if _child is None:
        raise RuntimeError("the child was not initialised")
    child = _child
    began_cpu_s = time.process_time()
    began_s = begin_attempt(child.board, child.setup.slot, task.token)
    clock = StageClock(child.board, child.setup.slot)
    waited_s = child.licences.waited_s if child.licences else 0.0
    develop_cpu_s = 0.0
    result: ImageMade | ArchiveMade | NeedsMore | Failure
    try:
        if isinstance(task, ImageTask):
            result, develop_cpu_s = _image(child, task, clock)
        else:
            result = write_archive(child.transfer.results, task, child.setup.scratch / task.folder)
    except NeedsMemory as request:
        result = NeedsMore(needed_bytes=request.needed_bytes)
    except TransferError as error:
        result = Failure(code=error.code, stage=error.stage, message=str(error))
    except BaseException as error:  # noqa: BLE001 - whatever one image raises, the child goes on
        reason, stage, message = blame(error, clock.stage)
        result = Failure(code=reason, stage=stage, message=message)
    clock.close()
    return pickle.dumps(
        Reply(
            token=task.token,
            result=result,
            seconds=time.monotonic() - began_s,
            cpu_s=time.process_time() - began_cpu_s,
            develop_cpu_s=develop_cpu_s,
            licence_wait_s=(child.licences.waited_s if child.licences else 0.0) - waited_s,
            peak_memory_bytes=peak_resident_bytes(),
            stage_s=clock.seconds,
        )
    )


def _image(child: _Child, task: ImageTask, clock: StageClock) -> tuple[ImageMade, float]:
    folder = child.setup.scratch / task.folder
    original = folder / "original"
    began_s = time.monotonic()
    copying = child.transfer.begin_vaulting(task)
    child.transfer.fetch(task, original)
    fetch_s = time.monotonic() - began_s
    recipe = child.recipe(task.recipe_digest)
    limit_own_memory(task.grant_bytes, child.baseline_bytes)
    began_cpu_s = time.process_time()
    try:
        made = child.function(
            original,
            recipe,
            folder / "out",
            stem=_STEM,
            limits=replace(child.setup.limits, memory_bytes=task.grant_bytes),
            on_stage=clock,
            licences=child.licences,
        )
    finally:
        _unlimit_own_memory()
    develop_cpu_s = time.process_time() - began_cpu_s
    clock(Stage.STORE)
    began_s = time.monotonic()
    renditions = child.transfer.deliver(task, folder / "out", made.outputs)
    vault_key = child.transfer.end_vaulting(task, copying)
    deliver_s = time.monotonic() - began_s
    return (
        ImageMade(
            renditions=renditions,
            vault_key=vault_key,
            verdict=None if made.verdict is None else made.verdict.value,
            evidence=made.evidence,
            timings={**made.timings, "fetch": fetch_s, "deliver": deliver_s},
            megapixels=made.megapixels,
        ),
        develop_cpu_s,
    )


def _unlimit_own_memory() -> None:
    """What storage's client needs is not the image's."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _load_recipe(scratch: Path, digest: str) -> Recipe:
    return Recipe.model_validate_json(recipe_path(scratch, digest).read_bytes())
