"""Workers on instances: the ECS service that wants tasks, and the group that gives them instances."""

from collections.abc import Callable
from dataclasses import dataclass

from audit.fleet.model import Instances
from audit.fleet.service_times import Clock
from audit.fleet.simulation.queue import Steps
from audit.fleet.simulation.worker import Surroundings, Worker
from audit.fleet.simulation.zones import Zones

_MINUTE_S = 60.0


@dataclass(slots=True, eq=False)
class Instance:
    """One machine, paid from launch until it is gone.

    Attributes:
        ready: it takes tasks.
        leaving: it is about to go: neither counted nor given a task.
        task: the worker on it, or `starting` while that starts.
    """

    zone: str
    spot: bool
    launched_s: float
    ready: bool = False
    leaving: bool = False
    gone: bool = False
    starting: bool = False
    task: Worker | None = None


class Group:
    """Service, capacity provider and Auto Scaling group as one.

    Attributes:
        desired: tasks that the service's scaling asks for.
    """

    def __init__(
        self, around: Surroundings, settings: Instances, clock: Clock, zones: Zones, *, reclaims_per_hour: float
    ) -> None:
        self._around, self._settings, self._clock, self._zones = around, settings, clock, zones
        self._reclaims_per_hour = reclaims_per_hour
        self._all: list[Instance] = []
        self._spare_minutes = 0
        self._due = False
        self._wanted_before = settings.least_tasks
        self.desired = settings.least_tasks
        self.peak = 0
        for _ in range(settings.least):
            self._launch(standing=True)
        self._reconcile(standing=True)

    @property
    def running(self) -> int:
        """Tasks that work or wait for work."""
        return sum(item.task is not None for item in self._all)

    @property
    def processes(self) -> int:
        """Images that running tasks develop at a time."""
        return self.running * self._settings.task.processes

    @property
    def count(self) -> int:
        """Instances that are paid."""
        return len(self._all)

    @property
    def at_rest(self) -> bool:
        """Whether it is as small as it gets."""
        return len(self._all) <= self._settings.least and self.desired <= self._settings.least_tasks

    def want(self, tasks: int) -> None:
        """Scaling has decided."""
        if tasks != self.desired:
            self._around.record.events["tasks asked for" if tasks > self.desired else "tasks called off"] += abs(
                tasks - self.desired
            )
            self.desired = tasks
            self._soon()

    def minute(self) -> None:
        """The capacity provider looks at what was wanted a minute ago."""
        wanted, self._wanted_before = self._wanted_before, max(self.desired, self._tasks())
        counted = [item for item in self._all if not item.leaving]
        settings = self._settings
        if wanted > len(counted):
            self._spare_minutes = 0
            step = min(max(wanted - len(counted), settings.step_least), settings.step_most)
            for _ in range(min(step, settings.most - len(counted))):
                self._launch()
        elif wanted < len(counted) and len(counted) > settings.least and not self._warming(counted):
            self._spare_minutes += 1
            if self._spare_minutes >= self._around.assumptions.group_in_minutes.likely:
                self._let_go(counted, len(counted) - max(wanted, settings.least))
        else:
            self._spare_minutes = 0
        self._reconcile()

    def lose_zone(self, zone: str) -> None:
        """Every machine in it is gone at once; that it is gone is noticed later."""
        for item in [item for item in self._all if item.zone == zone]:
            item.ready = False
            item.starting = False
            if item.task is not None:
                worker, item.task = item.task, None
                # The service still counts it until it notices.
                item.starting = True
                worker.kill()
            self._around.env.process(self._noticed(item))

    def settle(self) -> None:
        """Pay for what still runs, at the end."""
        for item in self._all:
            self._pay(item)
            if item.task is not None:
                item.task.settle()

    def _warming(self, counted: list[Instance]) -> bool:
        """Whether an instance has started so recently that the group's load is not judged yet."""
        since_s = self._around.env.now - self._settings.warm_up_s
        return any(item.launched_s > since_s for item in counted)

    def _noticed(self, item: Instance) -> Steps:
        yield self._around.env.timeout(self._around.assumptions.detection_s.likely)
        self._remove(item)
        self._soon()

    def _tasks(self) -> int:
        """Tasks that ECS counts towards what is desired: not those that were told to stop."""
        return sum(item.starting or (item.task is not None and item.task.open) for item in self._all)

    def _launch(self, *, standing: bool = False) -> None:
        settings = self._settings
        on_demand = sum(not item.spot for item in self._all if not item.leaving)
        above = max(0, len(self._all) + 1 - settings.on_demand_base)
        wanted = min(len(self._all) + 1, settings.on_demand_base) + above * (1 - settings.spot_share)
        # Rounded in favour of On-Demand, as Auto Scaling does.
        spot = on_demand >= wanted and settings.spot_share > 0
        counts: dict[str, int] = {}
        for other in self._all:
            counts[other.zone] = counts.get(other.zone, 0) + 1
        zone = self._zones.emptiest(counts)
        if zone is None:
            return
        item = Instance(zone=zone, spot=spot, launched_s=self._around.env.now, ready=standing)
        self._all.append(item)
        self.peak = max(self.peak, len(self._all))
        self._around.record.events["instances launched"] += not standing
        self._around.env.process(self._life(item, standing=standing))

    def _life(self, item: Instance, *, standing: bool) -> Steps:
        around = self._around
        if not standing:
            yield around.env.timeout(around.assumptions.instance_start_s.draw(around.chance))
            if item.gone or not self._zones.is_up(item.zone):
                # Lost while it started.
                self._remove(item)
                return
            item.ready = True
            self._soon()
        if item.spot and self._reclaims_per_hour > 0:
            yield around.env.timeout(around.chance.expovariate(self._reclaims_per_hour / 3600))
            if not item.gone and not item.leaving:
                yield from self._reclaimed(item)

    def _reclaimed(self, item: Instance) -> Steps:
        around = self._around
        around.record.events["Spot instances taken back"] += 1
        item.leaving = True
        # Capacity rebalancing: the next one is launched at the notice, not when the old one is gone.
        if sum(not other.leaving for other in self._all) < self._settings.most:
            self._launch()
        if item.task is not None and self._settings.drains_spot:
            item.task.stop()
        yield around.env.timeout(around.assumptions.spot_notice_s.likely)
        if item.task is not None:
            item.task.kill()
        self._remove(item)
        self._soon()

    def _let_go(self, counted: list[Instance], most: int) -> None:
        """Instances without a task go; those with one are protected."""
        free = [item for item in counted if item.ready and item.task is None and not item.starting]
        for item in free[: max(0, most)]:
            self._remove(item)

    def _remove(self, item: Instance) -> None:
        if item.gone:
            return
        item.gone = True
        item.starting = False
        item.task = None
        self._pay(item)
        self._all.remove(item)

    def _pay(self, item: Instance) -> None:
        kind = "instance/spot" if item.spot else "instance/on-demand"
        # EC2 bills by the second, a minute at least.
        self._around.record.paid[kind] += max(_MINUTE_S, self._around.env.now - item.launched_s)

    def _soon(self) -> None:
        """Reconcile after what happens now: a process may not be stopped by what itself sets off."""
        if not self._due:
            self._due = True
            timeout = self._around.env.timeout(0)
            assert timeout.callbacks is not None  # noqa: S101 - for the type: it has not happened yet
            timeout.callbacks.append(lambda _: self._reconcile())

    def _reconcile(self, *, standing: bool = False) -> None:
        """ECS brings the tasks to what is desired: places them on free instances, stops those without work."""
        self._due = False
        missing = self.desired - self._tasks()
        for item in self._all:
            if missing <= 0:
                break
            if item.ready and not item.leaving and item.task is None and not item.starting:
                missing -= 1
                if standing:
                    self._start(item)
                else:
                    item.starting = True
                    self._around.env.process(self._starts(item))
        for item in reversed(self._all):
            if missing >= 0:
                break
            if item.task is not None and item.task.open and not item.task.protected:
                item.task.stop()
                missing += 1

    def _starts(self, item: Instance) -> Steps:
        yield self._around.env.timeout(self._around.assumptions.task_start_s.draw(self._around.chance))
        if item.ready and not item.gone and item.starting:
            item.starting = False
            if item.leaving or self._tasks() >= self.desired:
                return
            self._start(item)

    def _start(self, item: Instance) -> None:
        worker = Worker(
            self._around,
            self._settings.task,
            self._clock,
            zone=item.zone,
            until_empty=False,
            gone=self._gone_from(item),
        )
        item.task = worker
        worker.idle = self._soon_when_too_many

    def _gone_from(self, item: Instance) -> Callable[[], None]:
        def gone() -> None:
            item.task = None
            self._soon()

        return gone

    def _soon_when_too_many(self) -> None:
        if self._tasks() > self.desired:
            self._soon()
