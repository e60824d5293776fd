"""Runs a batch: every image once, on every worker, whatever happens to the workers."""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue

from processor.batch import inputs as discovery
from processor.batch.admission import Admission, Work
from processor.batch.board import Board
from processor.batch.cage import cage_of, not_isolated
from processor.batch.counter import Counter
from processor.batch.deaths import classify, timed_out
from processor.batch.environment import start_context, stop_loading, when_loaded, worker_environment
from processor.batch.interrupts import Interrupts
from processor.batch.memory import default_budget_bytes
from processor.batch.observer import BatchObserver, InFlight
from processor.batch.options import BatchOptions
from processor.batch.records import cancelled, failed, in_mib, unreadable
from processor.batch.slot import Delivered, Died, Ending, NeverBegan, Program, Slot, SlotEvent, TimedOut
from processor.batch.task import ImageTask, Outcome, WorkerSetup
from processor.batch.worker import initialise, run_image
from processor.batch.workspace import Workspace, open_workspace
from processor.errors import ReasonCode, Stage
from processor.recipe import Recipe
from processor.report.model import BatchReport, Span, SpanEnd
from processor.result import ImageResult, Status

TICK_S = 0.25
_FALSE_STARTS = 20
"""So many in a row, and the batch gives up on starting workers."""
_CLOSING_S = 5.0


def run_batch(
    inputs: Sequence[Path | str],
    recipe: Recipe,
    out_dir: Path,
    options: BatchOptions | None = None,
    observer: BatchObserver | None = None,
) -> BatchReport:
    """Develop originals into the output folder with isolated worker processes.

    A first interrupt (Ctrl-C or SIGTERM) takes no new image and lets the running ones finish; a second one kills them.
    Either way the report accounts for every image.

    Args:
        inputs: files, folders and glob patterns; see processor.batch.inputs.
        recipe: what to make of every original.
        out_dir: made when it is missing; locked against other batches while this one runs.
        options: how to run; the defaults use every core and 80 % of the free memory.
        observer: told what happens while it runs, in the calling thread.

    Raises:
        UsageError: no input found, or the output folder cannot be used. Nothing an image does raises.
    """
    options = options or BatchOptions()
    clock = _Clock()
    # First of all: the fork server loads the pipeline while inputs are looked for.
    context = start_context()
    with open_workspace(out_dir) as workspace:
        originals = discovery.expand(inputs, workspace.out_dir)[: options.limit]
        clock.discovered()
        recipe_path, digest = workspace.store_recipe(recipe)
        cage = cage_of(options, originals, recipe, workspace)
        with Counter.create(workspace.counter_path, len(originals)) as counter:
            batch = _Batch(
                originals=originals,
                options=options,
                observer=observer or BatchObserver(),
                workspace=workspace,
                counter=counter,
                clock=clock,
            )
            with Board.create(workspace.board_path, batch.places) as board, worker_environment():
                batch.slots = [
                    Slot(
                        number=number,
                        program=Program(
                            initialise=initialise,
                            setup=WorkerSetup(
                                slot=number,
                                function=options.function,
                                plugins=options.plugins,
                                recipe_path=recipe_path,
                                out_dir=workspace.out_dir,
                                limits=options.limits,
                                board_path=workspace.board_path,
                                counter_path=workspace.counter_path,
                                log_path=workspace.log_path(number),
                                licences=options.licences,
                                cage=cage,
                            ),
                            run=run_image,
                            log_path=workspace.log_path(number),
                        ),
                        context=context,
                        tasks_per_worker=options.tasks_per_worker,
                        board=board,
                        announce=batch.events.put,
                    )
                    for number in range(batch.places)
                ]
                batch.run(when_loaded(context))
    report = batch.report(
        recipe_name=recipe.name, recipe_digest=digest, inputs=tuple(os.fspath(name) for name in inputs)
    )
    batch.observer.on_finish(report)
    return report


class _Clock:
    """Wall and processor time of the batch so far."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self.zero_s = time.monotonic()
        self._zero_cpu_s = time.process_time()
        self.discovery_s = 0.0

    def discovered(self) -> None:
        self.discovery_s = self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.zero_s

    @property
    def cpu_s(self) -> float:
        return time.process_time() - self._zero_cpu_s


class _Batch:
    """The state of a running batch. One thread owns it; slots only put events into its queue."""

    def __init__(
        self,
        *,
        originals: list[discovery.Input],
        options: BatchOptions,
        observer: BatchObserver,
        workspace: Workspace,
        counter: Counter,
        clock: _Clock,
    ) -> None:
        self.options, self.observer, self.clock = options, observer, clock
        self.places = max(1, min(options.jobs, len(originals)))
        self.budget_bytes = options.memory_bytes or default_budget_bytes()
        self.events: SimpleQueue[SlotEvent | None] = SimpleQueue()
        self.slots: list[Slot[ImageTask, Outcome]] = []
        self._workspace, self._counter = workspace, counter
        self._originals = originals
        self._admission: Admission[Work] = Admission(self.budget_bytes, self.places)
        self._results: dict[int, ImageResult] = {}
        self._spans: list[Span] = []
        self._in_hand: dict[int, Work] = {}
        self._tokens = 0
        self._next_check_s = 0.0
        self._false_starts = 0
        self._interrupts = Interrupts(lambda: self.events.put(None))
        self._stopped: str | None = None
        self._killed = False
        self._memory_wait_s = self._licence_wait_s = self._start_up_cpu_s = 0.0
        self._wall_s = self._parent_cpu_s = 0.0

    def run(self, loaded: threading.Event) -> None:
        """Work through all images; returns when every one is settled and every worker is gone."""
        self.observer.on_start(len(self._originals), self.places)
        try:
            with self._interrupts:
                for index, original in enumerate(self._originals):
                    if original.problem is None:
                        self._admission.add(Work(index=index, source=original.source, stem=original.stem))
                    else:
                        self._settle(index, unreadable(original))
                while self._stopped is None and not loaded.wait(TICK_S):
                    self._heed_interrupts()
                    self._tell_progress()
                if not loaded.is_set():
                    stop_loading()
                while self._continues():
                    self._start_images()
                    self._wait_for_event()
                    self._tell_progress()
        finally:
            for slot in self.slots:
                slot.close()
            deadline_s = time.monotonic() + _CLOSING_S
            for slot in self.slots:
                slot.wait_closed(deadline_s)
            self._wall_s, self._parent_cpu_s = self.clock.elapsed_s, self.clock.cpu_s

    def _continues(self) -> bool:
        self._heed_interrupts()
        if self._stopped is not None:
            for work in self._admission.drain():
                self._settle(work.index, cancelled(work, f"not started: {self._stopped}"))
        return bool(self._in_hand or self._admission.waiting)

    def _start_images(self) -> None:
        for slot in self.slots:
            if slot.busy:
                continue
            work = self._admission.take()
            if work is None:
                return
            self._tokens += 1
            work.attempts += 1
            self._in_hand[slot.number] = work
            slot.submit(
                ImageTask(
                    token=self._tokens,
                    index=work.index,
                    source=work.source,
                    stem=work.stem,
                    attempt=work.attempts,
                    may_retry=work.io_failures < self.options.io_retries,
                    grant_bytes=work.grant_bytes,
                ),
                timeout_s=self.options.limits.timeout_s,
            )

    def _wait_for_event(self) -> None:
        idle = len(self.slots) - len(self._in_hand)
        short = idle if self._admission.short_of_memory else 0
        since_s = time.monotonic()
        try:
            event = self.events.get(timeout=TICK_S)
        except Empty:
            event = None
        now_s = time.monotonic()
        self._memory_wait_s += short * (now_s - since_s)
        if now_s >= self._next_check_s:
            self._next_check_s = now_s + TICK_S
            for slot in self.slots:
                slot.check()
        if event is None:
            return
        slot = self.slots[event.slot]
        if slot.task is not None and slot.task.token == event.token:
            self._take_back(slot, slot.task)

    def _take_back(self, slot: Slot[ImageTask, Outcome], task: ImageTask) -> None:
        row, log = slot.row(), slot.log_tail
        submitted_s = slot.submitted_s
        ending = slot.collect()
        work = self._in_hand.pop(slot.number)
        self._admission.give_back(work)
        if isinstance(ending, Delivered):
            end = self._delivered(work, ending.outcome)
            start_s, end_s, cpu_s = ending.outcome.started_s, ending.outcome.ended_s, ending.outcome.cpu_s
        else:
            began = row.token == task.token
            start_s, end_s, cpu_s = row.started_s if began else submitted_s, time.monotonic(), 0.0
            end = self._undelivered(work, ending, row.stage if began else Stage.READ, log())
        self._spans.append(
            Span(
                slot=slot.number,
                index=work.index,
                start_s=start_s - self.clock.zero_s,
                end_s=end_s - self.clock.zero_s,
                cpu_s=cpu_s,
                end=end,
            )
        )

    def _delivered(self, work: Work, outcome: Outcome) -> SpanEnd:
        self._false_starts = 0
        self._licence_wait_s += outcome.licence_wait_s
        self._start_up_cpu_s += outcome.start_up_cpu_s
        if outcome.result is None:
            return self._wants_memory(work, outcome.needed_bytes)
        if outcome.transient and work.io_failures < self.options.io_retries and self._stopped is None:
            work.io_failures += 1
            self._admission.add(work)
            return SpanEnd.RETRIED
        result = outcome.result
        if result.status is Status.SKIPPED and work.attempts > 1:
            # An earlier attempt of this batch made it, and its process died before it could say so.
            result = replace(result, status=Status.OK)
        self._settle(work.index, result)
        return SpanEnd(result.status.value)

    def _wants_memory(self, work: Work, needed_bytes: int) -> SpanEnd:
        work.attempts -= 1  # The header was read and nothing was developed: not an attempt.
        if needed_bytes > self.budget_bytes or needed_bytes <= work.needed_bytes:
            message = (
                f"needs about {in_mib(needed_bytes)} of memory and all workers together may use "
                f"{in_mib(self.budget_bytes)}. Raise the memory budget or choose a cheaper tier"
            )
            self._settle(work.index, failed(work, ReasonCode.OUT_OF_MEMORY, Stage.READ, message))
            return SpanEnd.FAILED
        work.needed_bytes = needed_bytes
        self._admission.add(work)
        return SpanEnd.REQUEUED

    def _undelivered(self, work: Work, ending: Ending[Outcome], stage: Stage, log: str) -> SpanEnd:
        if not isinstance(ending, NeverBegan):
            self._false_starts = 0
        if self._killed:
            self._settle(work.index, cancelled(work, f"stopped at stage {stage}: {self._stopped}"))
            return SpanEnd.CANCELLED
        if isinstance(ending, NeverBegan):
            return self._never_began(work, ending.why)
        if isinstance(ending, TimedOut):
            death = timed_out(stage, self.options.limits.timeout_s)
        else:
            death = classify(ending.exit_code if isinstance(ending, Died) else None, stage, log)
        if death.transient and work.kill_failures < self.options.kill_retries and self._stopped is None:
            work.kill_failures += 1
            self._admission.add(work)
            return SpanEnd.RETRIED
        self._settle(work.index, failed(work, death.reason, stage, death.message))
        return SpanEnd.FAILED

    def _never_began(self, work: Work, why: str) -> SpanEnd:
        # Not the image's fault: no worker has seen it. Many in a row mean that no worker can start at all.
        work.attempts -= 1
        self._false_starts += 1
        self._admission.add(work)
        if self._false_starts < _FALSE_STARTS:
            return SpanEnd.RETRIED
        for left in self._admission.drain():
            message = f"no worker process could begin it: {why}"
            self._settle(left.index, failed(left, ReasonCode.INTERNAL_ERROR, Stage.READ, message))
        return SpanEnd.FAILED

    def _settle(self, index: int, result: ImageResult) -> None:
        self._results[index] = result
        if self._counter.settle(index, result.status) is not result.status:
            self._counter.amend(index, result.status)
        self.observer.on_result(result)
        if result.status is Status.FAILED and self.options.fail_fast:
            self._stop("the batch stops at its first failure")

    def _stop(self, why: str) -> None:
        if self._stopped is None:
            self._stopped = why
            self.observer.on_stopping(why)

    def _heed_interrupts(self) -> None:
        if self._interrupts.count:
            self._stop("the batch was interrupted")
        if self._interrupts.count > 1 and not self._killed:
            self._killed = True
            for slot in self.slots:
                slot.kill()

    def _tell_progress(self) -> None:
        now_s = time.monotonic()
        in_flight = []
        for slot in self.slots:
            if slot.task is not None:
                row = slot.row()
                began = row.token == slot.task.token
                in_flight.append(
                    InFlight(
                        slot=slot.number,
                        source=slot.task.source,
                        stage=row.stage if began else Stage.READ,
                        elapsed_s=now_s - (row.started_s if began else slot.submitted_s),
                        attempt=slot.task.attempt,
                    )
                )
        self.observer.on_progress(self._counter.counts(), tuple(in_flight))

    def report(self, *, recipe_name: str, recipe_digest: str, inputs: tuple[str, ...]) -> BatchReport:
        """The record of the finished batch."""
        spans = tuple(sorted(self._spans, key=lambda span: (span.slot, span.start_s)))
        return BatchReport(
            results=tuple(self._results[index] for index in range(len(self._originals))),
            spans=spans,
            recipe_name=recipe_name,
            recipe_digest=recipe_digest,
            inputs=inputs,
            out_dir=os.fspath(self._workspace.out_dir),
            started_at=self.clock.started_at,
            jobs=self.places,
            memory_budget_bytes=self.budget_bytes,
            wall_s=self._wall_s,
            discovery_s=self.clock.discovery_s,
            start_up_s=min((span.start_s for span in spans), default=self._wall_s),
            closing_s=self._wall_s - max((span.end_s for span in spans), default=self._wall_s),
            start_up_cpu_s=self._start_up_cpu_s,
            parent_cpu_s=self._parent_cpu_s,
            licence_wait_s=self._licence_wait_s,
            memory_wait_s=self._memory_wait_s,
            stopped=self._stopped,
            interrupted=self._interrupts.count > 0,
            strict=self.options.strict,
            not_isolated=not_isolated(self.options),
        )
