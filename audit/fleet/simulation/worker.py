"""One worker: a task with processes that receive, develop and delete; how it stops, dies, and runs dry."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import simpy

from audit.fleet.assumptions import Assumptions
from audit.fleet.model import Queue, Task
from audit.fleet.service_times import Clock
from audit.fleet.simulation.queue import JobQueue, Message, Steps
from audit.fleet.simulation.record import Record
from audit.fleet.simulation.work import PoisonKind

EXTENSIONS = 3
"""A worker extends the visibility of all that it has in hand whenever a third of it has passed since its own start."""


class End(Enum):
    """Why a process is interrupted."""

    KILLED = auto()
    """The machine is gone: what is in hand stays hidden until its visibility runs out."""
    STOPPED = auto()
    """It was told to stop: what is in hand goes back at once, and the try does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all workers share."""

    env: simpy.Environment
    queue: JobQueue
    settings: Queue
    record: Record
    assumptions: Assumptions
    chance: random.Random
    batch: Callable[[], int]


class Worker:
    """A running task.

    Attributes:
        zone: where it runs.
        busy: processes that have an image in hand.
        open: whether it receives.
    """

    def __init__(
        self, around: Surroundings, task: Task, clock: Clock, *, zone: str, until_empty: bool, gone: Callable[[], None]
    ) -> None:
        self._around, self.task, self._clock = around, task, clock
        self.zone, self._until_empty, self._gone = zone, until_empty, gone
        self.busy = 0
        self.open = True
        self.alive = True
        self._began_s = around.env.now
        self._quiet = 0
        self.idle: Callable[[], None] = lambda: None
        # By process: until when it has an image in hand, 0 when it has none.
        self._until_s = [0.0] * task.processes
        self._processes: list[simpy.Process] = []
        self._ended = 0
        for number in range(task.processes):
            self._processes.append(around.env.process(self._process(number)))

    @property
    def protected(self) -> bool:
        """Whether ECS leaves it alone when there are to be fewer."""
        return self.busy > 0

    def stop(self) -> None:
        """SIGTERM: receive nothing more, finish what will be finished in time, return the rest."""
        if not self.open:
            return
        self.open = False
        env = self._around.env
        latest_s = env.now + self.task.stop_timeout_s - self._around.assumptions.stop_margin_s.likely
        for process, until_s in zip(self._processes, self._until_s, strict=True):
            if process.is_alive and (until_s == 0 or until_s > latest_s):
                process.interrupt(End.STOPPED)

    def kill(self, *, sparing: simpy.Process | None = None) -> None:
        """It is gone, from one moment to the next."""
        self.open = False
        for process in self._processes:
            if process.is_alive and process is not sparing:
                process.interrupt(End.KILLED)

    def _process(self, number: int) -> Steps:
        around, queue = self._around, self._around.queue
        try:
            while self.open:
                message = queue.receive(around.batch())
                if message is None:
                    self._note_idle()
                    yield from self._wait()
                    continue
                self.busy += 1
                try:
                    yield from self._develop(number, message)
                finally:
                    self.busy -= 1
                    self._until_s[number] = 0.0
        except simpy.Interrupt:
            pass
        # Not in a finally: a process that is dropped with the whole simulation leaves nothing.
        self._leave()

    def _wait(self) -> Steps:
        arrival = self._around.queue.arrival()
        try:
            yield arrival
        except simpy.Interrupt:
            self._around.queue.missed(arrival)
            raise

    def _develop(self, number: int, message: Message) -> Steps:
        around = self._around
        env, queue = around.env, around.queue
        stretch = self._clock.take(message.images)
        seconds, poison = stretch.seconds, message.poison
        if poison is PoisonKind.HANG:
            seconds = self.task.time_limit_s
        elif poison is not None:
            seconds *= around.chance.random()
        began_s = env.now
        if message.receives == 1:
            around.record.wait(began_s - message.sent_s + seconds / 2 * (1 - 1 / message.images), message.images)
        self._until_s[number] = began_s + seconds
        try:
            yield env.timeout(seconds)
        except simpy.Interrupt as interrupt:
            done = stretch.done_after(env.now - began_s) if poison is None else 0
            done = min(done, message.images - 1)
            around.record.busy_s += env.now - began_s
            if done:
                queue.complete(done)
            queue.unread(message.images - done - 1, message.sent_s)
            message.images = 1
            self._give_back(message, End(interrupt.cause))
            raise
        around.record.busy_s += seconds
        if poison is None:
            queue.complete(message.images)
        elif poison is PoisonKind.KILL:
            around.record.events["workers killed by an image"] += 1
            self.kill(sparing=env.active_process)
            self._give_back(message, End.KILLED)
        else:
            self._failed(message)

    def _give_back(self, message: Message, end: End) -> None:
        around = self._around
        around.record.events["images begun anew"] += 1
        if end is End.STOPPED:
            message.receives -= 1
            around.queue.hide(message, 0)
            return
        visibility_s, now_s = around.settings.visibility_s, around.env.now
        third_s = visibility_s / EXTENSIONS
        extended_s = self._began_s + (now_s - self._began_s) // third_s * third_s
        around.queue.hide(message, max(message.received_s, extended_s) + visibility_s - now_s)

    def _failed(self, message: Message) -> None:
        """Its child crashed or was killed: tried again after a growing pause, given up at the last try."""
        around, settings = self._around, self._around.settings
        around.record.events["tries that failed"] += 1
        if message.receives >= settings.max_receives:
            around.queue.bury(message)
            return
        wait_s = retry_wait_s(around.assumptions, settings, tries=message.receives, chance=around.chance)
        around.queue.hide(message, wait_s)

    def _note_idle(self) -> None:
        if self.busy == 0:
            self.idle()
            if self._until_empty and self.open:
                self._quiet += 1
                self._around.env.process(self._run_dry(self._quiet))

    def _run_dry(self, quiet: int) -> Steps:
        """Ends the worker when nothing has come since."""
        yield self._around.env.timeout(self._around.assumptions.idle_exit_s.likely)
        if quiet == self._quiet and self.busy == 0:
            self.stop()

    def _leave(self) -> None:
        self._ended += 1
        if self._ended == len(self._until_s) and self.alive:
            self.open = False
            self.settle()
            self._gone()

    def settle(self) -> None:
        """Count the time that its processes were there."""
        if self.alive:
            self.alive = False
            self._around.record.open_s += (self._around.env.now - self._began_s) * self.task.processes


def retry_wait_s(assumptions: Assumptions, settings: Queue, *, tries: int, chance: random.Random) -> float:
    """Seconds until an image that has failed so often is tried again: the worker's rule, from its settings."""
    base_s = settings.visibility_s * assumptions.retry_first_share.likely
    base_s *= assumptions.retry_factor.likely ** (tries - 1)
    jitter = assumptions.retry_jitter.likely
    return max(1.0, min(settings.visibility_s, base_s * chance.uniform(1 - jitter, 1 + jitter)))
