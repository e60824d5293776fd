"""Burst tasks on Fargate: the function that starts what is missing, and tasks that end when the queue is empty."""

from dataclasses import dataclass

from audit.fleet.metric_math import Number
from audit.fleet.model import Burst, missing_tasks
from audit.fleet.scaling import AlarmState
from audit.fleet.service_times import Clock
from audit.fleet.simulation.queue import Steps
from audit.fleet.simulation.worker import Surroundings, Worker
from audit.fleet.simulation.zones import Zones

_LEAST_PAID_S = 60.0


@dataclass(slots=True, eq=False)
class _Task:
    zone: str
    began_s: float
    lost: bool = False
    worker: Worker | None = None


class BurstTasks:
    """The function and its tasks."""

    def __init__(self, around: Surroundings, settings: Burst, clock: Clock, zones: Zones) -> None:
        self._around, self._settings, self._clock, self._zones = around, settings, clock, zones
        self._tasks: list[_Task] = []
        self._alarm = AlarmState(settings.alarm) if settings.alarm else None
        self.peak = 0
        around.env.process(self._schedule())

    @property
    def live(self) -> int:
        """Tasks that ECS wants to run, started or not."""
        return len(self._tasks)

    @property
    def running(self) -> int:
        """Tasks that work."""
        return sum(task.worker is not None for task in self._tasks)

    @property
    def processes(self) -> int:
        """Images that running tasks develop at a time."""
        return self.running * self._settings.task.processes

    def feed(self, value: Number) -> None:
        """A minute's value of the alarm's metric: going off, it starts the function once more."""
        if self._alarm is not None and self._alarm.feed(value):
            self._around.env.process(self._run())

    def lose_zone(self, zone: str) -> None:
        """Its tasks are gone at once; ECS counts them until it notices."""
        for task in [task for task in self._tasks if task.zone == zone]:
            task.lost = True
            worker, task.worker = task.worker, None
            if worker is not None:
                worker.kill()
            self._around.env.process(self._noticed(task))

    def settle(self) -> None:
        """Pay for what still runs, at the end."""
        for task in self._tasks:
            self._pay(task)
            if task.worker is not None:
                task.worker.settle()

    def _schedule(self) -> Steps:
        # At no particular second of the minute.
        yield self._around.env.timeout(self._around.chance.uniform(0, self._settings.every_s))
        while True:
            self._around.env.process(self._run())
            yield self._around.env.timeout(self._settings.every_s)

    def _run(self) -> Steps:
        yield self._around.env.timeout(self._around.assumptions.function_delay_s.likely)
        around, settings = self._around, self._settings
        around.record.events["runs of the burst function"] += 1
        around.queue.touched_s = around.env.now
        missing = missing_tasks(
            outstanding=around.queue.outstanding,
            base_images=settings.base_images,
            images_per_task=settings.images_per_task,
            live=self.live,
            most=settings.most,
        )
        for _ in range(missing):
            zone = self._zones.next()
            if zone is None:
                return
            task = _Task(zone, around.env.now)
            self._tasks.append(task)
            around.record.events["burst tasks started"] += 1
            around.env.process(self._starts(task))
        self.peak = max(self.peak, self.live)

    def _starts(self, task: _Task) -> Steps:
        yield self._around.env.timeout(self._around.assumptions.fargate_start_s.draw(self._around.chance))
        if task.lost:
            return

        def gone() -> None:
            task.worker = None
            if not task.lost:
                self._remove(task)

        task.worker = Worker(
            self._around, self._settings.task, self._clock, zone=task.zone, until_empty=True, gone=gone
        )

    def _noticed(self, task: _Task) -> Steps:
        yield self._around.env.timeout(self._around.assumptions.detection_s.likely)
        self._remove(task)

    def _remove(self, task: _Task) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
            self._pay(task)

    def _pay(self, task: _Task) -> None:
        self._around.record.paid["burst"] += max(_LEAST_PAID_S, self._around.env.now - task.began_s)
