"""The child's side of a slot: fetches, develops and delivers one image after another, and may die at any moment."""

import pickle
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module

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
from service.worker.recipes import load_recipe
from service.worker.scratch import has_no_room, recipes_folder
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
        recipe=lru_cache(maxsize=16)(lambda digest: load_recipe(recipes_folder(setup.scratch), digest)),
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
    develop_cpu_s = transfer_cpu_s = 0.0
    result: ImageMade | ArchiveMade | NeedsMore | Failure
    try:
        if isinstance(task, ImageTask):
            result, develop_cpu_s, transfer_cpu_s = _image(child, task, clock)
        else:
            result = write_archive(child.transfer.results, task, child.setup.scratch / task.folder)
    except NeedsMemory as request:
        result = NeedsMore(needed_bytes=request.needed_bytes)
    except TransferError as error:
        result = Failure(code=error.code, stage=error.stage, message=str(error), is_outage=error.is_outage)
    except BaseException as error:  # noqa: BLE001 - whatever one image raises, the child goes on
        reason, stage, message = blame(error, clock.stage)
        result = Failure(code=reason, stage=stage, message=message, is_outage=has_no_room(error))
    return pickle.dumps(
        Reply(
            token=task.token,
            result=result,
            seconds=time.monotonic() - began_s,
            cpu_s=time.process_time() - began_cpu_s,
            develop_cpu_s=develop_cpu_s,
            transfer_cpu_s=transfer_cpu_s,
            licence_wait_s=(child.licences.waited_s if child.licences else 0.0) - waited_s,
            peak_memory_bytes=peak_resident_bytes(),
        )
    )


def _image(child: _Child, task: ImageTask, clock: StageClock) -> tuple[ImageMade, float, float]:
    """What was made, and the processor seconds of developing and of moving bytes."""
    folder = child.setup.scratch / task.folder
    original = folder / "original"
    fetching = _Stopwatch()
    copying = child.transfer.begin_vaulting(task)
    child.transfer.fetch(task, original)
    fetching.stop()
    recipe = child.recipe(task.recipe_digest)
    limit_own_memory(task.grant_bytes, child.baseline_bytes)
    developing = _Stopwatch()
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
        developing.stop()
    clock(Stage.STORE)
    delivering = _Stopwatch()
    renditions = child.transfer.deliver(task, folder / "out", made.outputs)
    vault_key = child.transfer.end_vaulting(task, copying)
    delivering.stop()
    image = ImageMade(
        renditions=renditions,
        vault_key=vault_key,
        verdict=None if made.verdict is None else made.verdict.value,
        evidence=made.evidence,
        timings={**made.timings, "fetch": fetching.seconds, "deliver": delivering.seconds},
        megapixels=made.megapixels,
    )
    return image, developing.cpu_s, fetching.cpu_s + delivering.cpu_s


class _Stopwatch:
    """Wall and processor seconds from its making to `stop`."""

    def __init__(self) -> None:
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()
        self.seconds = self.cpu_s = 0.0

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._began_s
        self.cpu_s = time.process_time() - self._began_cpu_s


def _unlimit_own_memory() -> None:
    """What storage's client needs is not the image's."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
