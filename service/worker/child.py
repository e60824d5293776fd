"""The child's side of a slot: fetches one image after another, has it developed, and delivers what was made of it.

It holds storage's credentials and therefore never decodes: that is done by a decoder, closed in, which sees one job's
originals and writes one job's renditions (processor.isolation). A job's images share a decoder; jobs never do.
"""

import pickle
import time
from dataclasses import dataclass, replace
from pathlib import Path

from processor.batch.blame import blame, has_no_room
from processor.batch.board import Board
from processor.batch.child import StageClock, begin_attempt, prepare_process, settle_process
from processor.errors import NeedsMemory, Stage
from processor.heap import peak_resident_bytes
from processor.isolation.client import Decoder, DecodingFailed, Made
from processor.isolation.messages import Opening
from processor.isolation.sandbox import guard_secrets
from processor.licences import Licences
from service.worker.archive.write import write_archive
from service.worker.licences import open_licences
from service.worker.recipes import recipe_path
from service.worker.scratch import MADE, WORK, recipes_folder
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
    board: Board
    transfer: Transfer
    licences: Licences | None
    decoder: Decoder | None = None
    decoder_for: tuple[str, str] = ("", "")


_child: _Child | None = None


def initialise(setup: ChildSetup) -> None:
    """Prepare this process: called once by the pool, before the first task."""
    global _child  # noqa: PLW0603 - the pool calls plain functions; a process is one child
    prepare_process(setup.log_path)
    guard_secrets()
    _child = _Child(
        setup=setup,
        board=Board(setup.board_path),
        transfer=Transfer(setup),
        licences=None if setup.licences is None else open_licences(setup.licences),
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
    peak_bytes = 0
    result: ImageMade | ArchiveMade | NeedsMore | Failure
    try:
        if isinstance(task, ImageTask):
            result, made, transfer_cpu_s = _image(child, task, clock)
            develop_cpu_s, peak_bytes = made.cpu_s, made.peak_bytes
        else:
            result = write_archive(child.transfer.results, task, child.setup.scratch / WORK / task.folder)
    except NeedsMemory as request:
        result = NeedsMore(needed_bytes=request.needed_bytes)
    except TransferError as error:
        result = Failure(code=error.code, stage=error.stage, message=str(error), is_outage=error.is_outage)
    except DecodingFailed as error:
        develop_cpu_s = error.cpu_s
        result = Failure(code=error.reason, stage=error.stage, message=str(error), is_outage=error.no_room)
    except BaseException as error:  # noqa: BLE001 - whatever one image raises, the child goes on
        reason, stage, message = blame(error, clock.stage)
        result = Failure(code=reason, stage=stage, message=message, is_outage=has_no_room(error))
    return pickle.dumps(
        Reply(
            token=task.token,
            result=result,
            seconds=time.monotonic() - began_s,
            cpu_s=time.process_time() - began_cpu_s + develop_cpu_s,
            develop_cpu_s=develop_cpu_s,
            transfer_cpu_s=transfer_cpu_s,
            licence_wait_s=(child.licences.waited_s if child.licences else 0.0) - waited_s,
            peak_memory_bytes=peak_bytes or peak_resident_bytes(),
        )
    )


def _image(child: _Child, task: ImageTask, clock: StageClock) -> tuple[ImageMade, Made, float]:
    """What was made, what its decoder says, and the processor seconds of moving bytes."""
    original = child.setup.scratch / WORK / task.folder / "original"
    folder = child.setup.scratch / MADE / task.folder
    fetching = _Stopwatch()
    copying = child.transfer.begin_vaulting(task)
    child.transfer.fetch(task, original)
    fetching.stop()
    made = _decoder(child, task).develop(
        original,
        folder,
        stem=_STEM,
        limits=replace(child.setup.limits, memory_bytes=task.grant_bytes),
        on_stage=clock,
    )
    clock(Stage.STORE)
    delivering = _Stopwatch()
    result = made.result
    renditions = child.transfer.deliver(task, folder, result.outputs)
    vault_key = child.transfer.end_vaulting(task, copying)
    delivering.stop()
    image = ImageMade(
        renditions=renditions,
        vault_key=vault_key,
        verdict=None if result.verdict is None else result.verdict.value,
        evidence=result.evidence,
        timings={**result.timings, "fetch": fetching.seconds, "deliver": delivering.seconds},
        megapixels=result.megapixels,
    )
    return image, made, fetching.cpu_s + delivering.cpu_s


def _decoder(child: _Child, task: ImageTask) -> Decoder:
    """The decoder of the image's job: the one at hand when it is for that job, else a new one."""
    job = (str(Path(task.folder).parent), task.recipe_digest)
    if child.decoder is not None:
        if child.decoder.usable and child.decoder_for == job:
            return child.decoder
        child.decoder.close()
    setup = child.setup
    opening = Opening(
        function=setup.function,
        recipe_path=recipe_path(recipes_folder(setup.scratch), task.recipe_digest),
        readable=(setup.scratch / WORK / job[0],),
        writable=(setup.scratch / MADE / job[0], *setup.also_writable),
        log_path=setup.decoder_log_path,
    )
    child.decoder = Decoder(setup.decoders, opening, licences=child.licences)
    child.decoder_for = job
    return child.decoder


class _Stopwatch:
    """Wall and processor seconds from its making to `stop`."""

    def __init__(self) -> None:
        self._began_s, self._began_cpu_s = time.monotonic(), time.process_time()
        self.seconds = self.cpu_s = 0.0

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._began_s
        self.cpu_s = time.process_time() - self._began_cpu_s
