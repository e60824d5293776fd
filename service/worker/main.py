"""Puts a worker together: scratch, slots, lanes, signals; turns the loop until it is done; takes it apart."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import BaseContext
from multiprocessing.util import get_temp_dir
from pathlib import Path

from processor.batch.board import Board
from processor.batch.environment import start_context, stop_loading, when_loaded, worker_environment
from processor.batch.slot import Program, Slot, SlotEvent
from processor.isolation.client import DecoderServer
from processor.isolation.sandbox import guard_secrets
from processor.limits import Limits
from service import runtime
from service.aws.clients import Clients
from service.aws.queue import Queue
from service.check import HEARTBEAT
from service.config import WorkerConfig
from service.logs import logger
from service.worker import child
from service.worker.loop import Loop
from service.worker.protection import Protection
from service.worker.scratch import Scratch, ScratchError, open_scratch
from service.worker.settings import WorkerSettings
from service.worker.supervisor import Places, Supervisor
from service.worker.tasks import ArchiveTask, ChildSetup, ImageTask, LicenceSetup, Reply

PRELOAD = "service.worker.preload"
AGENT_VARIABLE = "ECS_AGENT_URI"
USAGE_ERROR = 2
_BEAT_EVERY_S = 5.0
_LONGEST_CALL_S = 180.0
"""Every call has a time limit of its own far below this."""
_CLOSING_S = 3.0
_LOOK_EVERY_S = 0.05

log = logger(__name__)


def run_worker(*, until_empty: bool) -> int:
    """Runs the worker that this process is configured to be; returns its exit code."""
    config = runtime.worker_config()
    return work(config, WorkerSettings.of(config, until_empty=until_empty))


def work(config: WorkerConfig, settings: WorkerSettings) -> int:
    """Works until a signal, or until the queue stays empty.

    Returns:
        0 after SIGTERM or an empty queue, 1 when no child can start, 2 when the scratch folder cannot be used.
    """
    loop = Loop()
    # First of all: the fork server loads the pipeline while the rest is made.
    context = start_context(PRELOAD)
    try:
        with open_scratch(settings.scratch) as scratch, _private_folder() as private:
            scratch.note_elsewhere(private, Path(get_temp_dir()))
            return _work(config=config, settings=settings, loop=loop, context=context, scratch=scratch, private=private)
    except ScratchError as error:
        log.error("scratch_unusable", error=str(error))  # noqa: TRY400 - the sentence says it all
        return USAGE_ERROR


def _work(
    *,
    config: WorkerConfig,
    settings: WorkerSettings,
    loop: Loop,
    context: BaseContext,
    scratch: Scratch,
    private: Path,
) -> int:
    guard_secrets()
    clients = Clients(region=config.region)
    supervisor = Supervisor(
        settings=settings,
        loop=loop,
        queue=Queue(clients.sqs, config.queue_url),
        dead_letters=Queue(clients.sqs, config.dead_letter_queue_url),
        scratch=scratch,
        protection=Protection(loop, os.environ.get(AGENT_VARIABLE)),
    )
    heartbeat = _Heartbeat(scratch.path / HEARTBEAT, loop)
    with (
        DecoderServer(private) as decoders,
        Board.create(private / "board", settings.processes) as board,
        worker_environment(),
        _signals(lambda: loop.post(supervisor.stop)),
    ):
        announce: Callable[[SlotEvent], None] = lambda event: loop.post(partial(supervisor.slot_ended, event))  # noqa: E731
        slots = [
            _slot(
                number,
                config=config,
                settings=settings,
                context=context,
                board=board,
                private=private,
                decoders=decoders.address,
                announce=announce,
            )
            for number in range(settings.processes)
        ]
        loaded = when_loaded(context)
        while not (loaded.is_set() and decoders.settled) and not supervisor.done:
            loop.turn(_LOOK_EVERY_S)
            heartbeat.beat()
        if not loaded.is_set():
            stop_loading()
        _tell_isolation(decoders)
        supervisor.begin(slots)
        log.info(
            "worker_ready",
            processes=settings.processes,
            memory_bytes=settings.memory_bytes,
            name=settings.name,
            cpu_s=round(time.process_time(), 3),
        )
        try:
            while not supervisor.done:
                supervisor.turn()
                heartbeat.beat()
                if not decoders.alive and supervisor.exit_code == 0:
                    log.error("decoders_lost", then="this worker ends, and another takes its place")
                    supervisor.stop(exit_code=1)
        finally:
            _close(slots, within_s=min(_CLOSING_S, settings.stop_margin_s))
    log.info("worker_stopped", exit_code=supervisor.exit_code, cpu_s=round(time.process_time(), 3))
    return supervisor.exit_code


def _tell_isolation(decoders: DecoderServer) -> None:
    """Once a worker: what its decoders are refused, and a warning for each thing that this system cannot refuse."""
    found = decoders.protection
    if found is None:
        return
    closed = {name: getattr(found, name) for name in ("network", "programs", "processes", "files", "limits")}
    log.info("decoders_isolated", **closed)
    for sentence in found.missing:
        log.warning("decoders_not_isolated", missing=sentence)


class _Heartbeat:
    """A file that is touched every few seconds, for the container's health check; not while a call hangs."""

    def __init__(self, path: Path, loop: Loop) -> None:
        self._path, self._loop = path, loop
        self._next_s = 0.0

    def beat(self) -> None:
        """Touch the file, if it is time."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _BEAT_EVERY_S
            if self._loop.longest_call_s() < _LONGEST_CALL_S:
                self._path.touch()


def _slot(
    number: int,
    *,
    config: WorkerConfig,
    settings: WorkerSettings,
    context: BaseContext,
    board: Board,
    private: Path,
    decoders: Path,
    announce: Callable[[SlotEvent], None],
) -> Slot[ImageTask | ArchiveTask, Reply]:
    log_path = private / f"child-{number}.log"
    setup = ChildSetup(
        slot=number,
        function=settings.function,
        decoders=decoders,
        also_writable=tuple(map(Path, settings.also_writable)),
        scratch=settings.scratch.absolute(),
        board_path=private / "board",
        log_path=log_path,
        decoder_log_path=private / f"decoder-{number}.log",
        limits=Limits(timeout_s=settings.time_limit_s),
        region=config.region,
        uploads_bucket=config.uploads_bucket,
        vault_bucket=config.vault_bucket,
        results_bucket=config.results_bucket,
        licences=_licences(config),
    )
    return Slot(
        number=number,
        program=Program(initialise=child.initialise, setup=setup, run=child.run, log_path=log_path),
        context=context,
        tasks_per_worker=settings.tasks_per_child,
        board=board,
        announce=announce,
    )


def _licences(config: WorkerConfig) -> LicenceSetup | None:
    if not config.licences:
        return None
    return LicenceSetup(
        seats=config.licences,
        region=config.region,
        host=config.database_host,
        port=config.database_port,
        database=config.database_name,
        sslmode=config.database_sslmode.value,
        secret_arn=config.database_secret_arn,
    )


def _close(slots: Places, *, within_s: float) -> None:
    for slot in slots:
        slot.kill()
        slot.close()
    deadline_s = time.monotonic() + within_s
    for slot in slots:
        slot.wait_closed(deadline_s)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Board and logs: small, and in memory where the system has a folder for that."""
    shm = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    base = shm if shm.is_dir() and os.access(shm, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="rawmill-worker-", dir=base) as folder:
        yield Path(folder)


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop`, which must be safe in a signal handler."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
