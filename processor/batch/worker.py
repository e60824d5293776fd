"""The worker's side of a batch: runs one image after another in a process that may die at any moment."""

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from processor.batch.blame import blame, is_transient
from processor.batch.board import Board
from processor.batch.child import StageClock, begin_attempt, prepare_process, settle_process
from processor.batch.counter import Counter
from processor.batch.memory import limit_own_memory, private_bytes
from processor.batch.task import ImageTask, Outcome, WorkerSetup
from processor.errors import NeedsMemory, ReasonCode, Stage
from processor.heap import peak_resident_bytes
from processor.licences import Licences, open_licences
from processor.plugins import load_plugins
from processor.recipe import Recipe
from processor.result import ImageResult, Status


@dataclass(slots=True)
class _Worker:
    """What lives as long as the process."""

    setup: WorkerSetup
    function: Callable[..., ImageResult]
    recipe: Recipe
    board: Board
    counter: Counter
    licences: Licences | None
    baseline_bytes: int | None
    start_up_cpu_s: float


_worker: _Worker | None = None


def initialise(setup: WorkerSetup) -> None:
    """Prepare this process: called once by the pool, before the first image."""
    global _worker  # noqa: PLW0603 - the pool calls plain functions; a process has one worker
    prepare_process(setup.log_path)
    module, _, name = setup.function.partition(":")
    function = getattr(import_module(module), name)
    load_plugins(setup.plugins)
    recipe = Recipe.model_validate_json(setup.recipe_path.read_bytes())
    _worker = _Worker(
        setup=setup,
        function=function,
        recipe=recipe,
        board=Board(setup.board_path),
        counter=Counter(setup.counter_path),
        licences=None if setup.licences is None else open_licences(setup.licences),
        baseline_bytes=private_bytes(),
        start_up_cpu_s=time.process_time(),
    )
    settle_process(setup.cage)


def run_image(task: ImageTask) -> bytes:
    """Run one attempt and return its pickled Outcome.

    Pickled here, so that a record that cannot be pickled is this image's failure and not the end of the process.
    """
    if _worker is None:
        raise RuntimeError("the worker was not initialised")
    worker = _worker
    started_cpu_s = time.process_time()
    started_s = begin_attempt(worker.board, worker.setup.slot, task.token)
    waited_s = worker.licences.waited_s if worker.licences else 0.0
    result, needed_bytes, transient = _attempt(worker, task)
    cpu_s = time.process_time() - started_cpu_s
    if result is not None:
        result = replace(
            result,
            attempts=task.attempt,
            cpu_s=cpu_s,
            peak_memory_bytes=peak_resident_bytes(),
        )
    outcome = Outcome(
        token=task.token,
        result=result,
        needed_bytes=needed_bytes,
        transient=transient,
        started_s=started_s,
        ended_s=time.monotonic(),
        licence_wait_s=(worker.licences.waited_s if worker.licences else 0.0) - waited_s,
        cpu_s=cpu_s,
        start_up_cpu_s=worker.start_up_cpu_s,
    )
    worker.start_up_cpu_s = 0.0
    message = _pickle(outcome, task, worker.board.read(worker.setup.slot).stage)
    if result is not None and not (transient and task.may_retry):
        worker.counter.settle(task.index, result.status)
    return message


def _attempt(worker: _Worker, task: ImageTask) -> tuple[ImageResult | None, int, bool]:
    """Result (None: needs more memory), bytes needed, whether the failure may pass."""
    clock = StageClock(worker.board, worker.setup.slot)
    limit_own_memory(task.grant_bytes, worker.baseline_bytes)
    try:
        result = worker.function(
            Path(task.source),
            worker.recipe,
            worker.setup.out_dir,
            stem=task.stem,
            limits=replace(worker.setup.limits, memory_bytes=task.grant_bytes),
            on_stage=clock,
            licences=worker.licences,
        )
        return replace(result, source=task.source), 0, False
    except NeedsMemory as request:
        return None, request.needed_bytes, False
    except BaseException as error:  # noqa: BLE001 - whatever one image raises, the batch goes on
        clock.close()
        reason, stage, message = blame(error, clock.stage)
        failure = ImageResult(
            source=task.source,
            status=Status.FAILED,
            reason=reason,
            stage=stage,
            message=message,
            size_bytes=_size_bytes(task.source),
            timings=clock.seconds,
        )
        return failure, 0, is_transient(error)


def _size_bytes(source: str) -> int:
    try:
        return Path(source).stat().st_size
    except (OSError, ValueError):
        return 0


def _pickle(outcome: Outcome, task: ImageTask, stage: Stage) -> bytes:
    try:
        return pickle.dumps(outcome)
    except Exception as error:  # noqa: BLE001 - pickling runs code of the record's parts
        failure = ImageResult(
            source=task.source,
            status=Status.FAILED,
            reason=ReasonCode.INTERNAL_ERROR,
            stage=stage,
            message=f"its record cannot leave the worker process: {error}",
            attempts=task.attempt,
        )
        return pickle.dumps(replace(outcome, result=failure))
