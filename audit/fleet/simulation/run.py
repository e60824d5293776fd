"""Runs one fleet through one scenario."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import simpy

from audit.errors import AuditError, Problem
from audit.fleet.assumptions import Assumptions
from audit.fleet.metric_math import Number
from audit.fleet.model import Fleet, Signal
from audit.fleet.scaling import SteppingState, TrackingState
from audit.fleet.service_times import Clock, Times
from audit.fleet.simulation.burst import BurstTasks
from audit.fleet.simulation.instances import Group
from audit.fleet.simulation.queue import JobQueue, Steps
from audit.fleet.simulation.record import Outcome, Record
from audit.fleet.simulation.work import Work, ZoneLoss
from audit.fleet.simulation.worker import Surroundings
from audit.fleet.simulation.zones import Zones

_MINUTE_S = 60.0
_BATCH_S = 60.0
"""Longest work that is put together as one step: a minute, the finest that scaling sees."""
_ROUNDS = 8
"""Batches shrink as the queue does, so that every process has about this many before it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a simulation is run.

    Attributes:
        on_instances, on_fargate: service times of a process of either kind.
        seed: the same seed gives the same outcome.
        aggregated: whether processes take images in batches while many wait. Batches shrink to one as the queue does.
        progress: hears how many images are settled, about once a simulated minute.
    """

    assumptions: Assumptions
    on_instances: Times
    on_fargate: Times
    seed: int = 1
    aggregated: bool = False
    progress: Callable[[int], None] | None = field(default=None, compare=False)


def simulate(fleet: Fleet, work: Work, settings: Settings) -> Outcome:
    """The outcome of a scenario on a fleet.

    Raises:
        AuditError: the scenario asks for what this fleet or this simulation does not have.
    """
    return _Simulation(fleet, work, settings).run()


class _Simulation:
    def __init__(self, fleet: Fleet, work: Work, settings: Settings) -> None:
        _check(fleet, work)
        self._fleet, self._work, self._settings = fleet, work, settings
        self._env = env = simpy.Environment()
        self._chance = chance = random.Random(settings.seed)  # noqa: S311 - a simulation, no secret
        self._record = record = Record()
        kinds = list(work.poison.kinds) if work.poison else []
        self._queue = JobQueue(env, fleet.queue, record, chance, kinds)
        self._most_batch = max(1, int(_BATCH_S / settings.on_instances.mean_s)) if settings.aggregated else 1
        around = Surroundings(
            env=env,
            queue=self._queue,
            settings=fleet.queue,
            record=record,
            assumptions=settings.assumptions,
            chance=chance,
            batch=self._batch,
        )
        self._zones = Zones(fleet.zones)
        self._group: Group | None = None
        self._burst: BurstTasks | None = None
        if fleet.instances is not None:
            clock = Clock(settings.on_instances, begin=settings.seed * 7919)
            reclaims = work.spot.per_hour if work.spot else 0.0
            self._group = Group(around, fleet.instances, clock, self._zones, reclaims_per_hour=reclaims)
        if fleet.burst is not None:
            clock = Clock(settings.on_fargate, begin=settings.seed * 104_729)
            self._burst = BurstTasks(around, fleet.burst, clock, self._zones)
        self._tracking = self._states()
        self._stepping = [SteppingState(policy) for policy in (fleet.instances.stepping if fleet.instances else ())]
        self._known: deque[dict[Signal, Number]] = deque()
        self._all_sent = False
        self._awake_s: float | None = 0.0
        self._end = env.event()

    def run(self) -> Outcome:
        """Until everything is settled, the horizon is reached and the fleet is at rest, or patience ends."""
        env, work = self._env, self._work
        env.process(self._sends())
        env.process(self._minutes())
        for loss in work.zone_losses:
            env.process(self._loses(loss))
        patience = env.timeout(work.patience_s)
        env.run(until=env.any_of([self._end, patience]))
        for part in (self._group, self._burst):
            if part is not None:
                part.settle()
        return self._outcome()

    def _states(self) -> list[TrackingState]:
        assumptions = self._settings.assumptions
        policies = self._fleet.instances.tracking if self._fleet.instances else ()
        return [
            TrackingState(
                policy=policy,
                out_minutes=round(assumptions.tracking_out_minutes.likely),
                in_minutes=round(assumptions.tracking_in_minutes.likely),
                in_share=assumptions.tracking_in_share.likely,
            )
            for policy in policies
        ]

    def _batch(self) -> int:
        if self._most_batch == 1:
            return 1
        processes = (self._group.processes if self._group else 0) + (self._burst.processes if self._burst else 0)
        return max(1, min(self._most_batch, self._queue.visible // (_ROUNDS * max(1, processes))))

    def _sends(self) -> Steps:
        share = self._work.poison.share if self._work.poison else 0.0
        owed = 0.0
        for send in self._work.sends:
            if send.at_s > self._env.now:
                yield self._env.timeout(send.at_s - self._env.now)
            # Fractions are carried on, so that the share holds for the whole whatever the pieces.
            owed += send.images * share
            poisoned = int(owed + 1e-9)
            owed -= poisoned
            self._queue.send(send.images, poisoned)
        self._all_sent = True

    def _minutes(self) -> Steps:
        """Data points, alarms, policies, the capacity provider: once a minute, at no particular second of it."""
        yield self._env.timeout(self._chance.uniform(0, _MINUTE_S))
        while True:
            self._minute()
            if self._over():
                self._end.succeed()
                return
            yield self._env.timeout(_MINUTE_S)

    def _minute(self) -> None:
        now_s, queue = self._env.now, self._queue
        queue.forget_old()
        self._known.append(self._signals())
        late = round(self._settings.assumptions.metric_delay_s.likely / _MINUTE_S)
        if len(self._known) > late:
            signals = self._known.popleft()
            self._scale(signals, now_s)
        if self._group is not None:
            self._group.minute()
        running = self._group.running if self._group else 0
        burst = self._burst.running if self._burst else 0
        count = self._group.count if self._group else 0
        self._record.curve.append((now_s, queue.outstanding, running, burst, count))
        if self._settings.progress is not None:
            self._settings.progress(queue.completed + queue.dead + queue.expired)

    def _signals(self) -> dict[Signal, Number]:
        group, queue = self._group, self._queue
        awake = self._is_awake()
        return {
            Signal.VISIBLE: float(queue.visible) if awake else None,
            Signal.IN_FLIGHT: float(queue.in_flight) if awake else None,
            Signal.RUNNING: float(group.running) if group else None,
            Signal.DESIRED: float(group.desired) if group else None,
        }

    def _is_awake(self) -> bool:
        """Whether SQS tells CloudWatch about the queue: not after hours without a call, and not at once after them."""
        assumptions, now_s = self._settings.assumptions, self._env.now
        if self._group is not None and self._group.running:
            self._queue.touched_s = now_s  # a running worker never stops to poll
        touched_s = max(self._queue.touched_s, self._queue.last_sent_s)
        if now_s - touched_s > assumptions.queue_sleeps_after_s.likely:
            self._awake_s = None
        elif self._awake_s is None:
            self._awake_s = now_s + assumptions.queue_wakes_after_s.likely
        return self._awake_s is not None and now_s >= self._awake_s

    def _scale(self, signals: dict[Signal, Number], now_s: float) -> None:
        if self._burst is not None and self._fleet.burst is not None and self._fleet.burst.alarm is not None:
            self._burst.feed(self._fleet.burst.alarm.metric.value(signals))
        instances, group = self._fleet.instances, self._group
        if instances is None or group is None:
            return
        desired, least, most = group.desired, instances.least_tasks, instances.most_tasks
        tracked = [
            state.feed(state.policy.metric.value(signals), now_s=now_s, desired=desired, least=least, most=most)
            for state in self._tracking
        ]
        stepped = [
            step.feed(step.policy.alarm.metric.value(signals), now_s=now_s, desired=desired, least=least, most=most)
            for step in self._stepping
        ]
        # The policy that wants most decides; there are fewer only when all that track a target want fewer.
        most_wanted = max([*tracked, *stepped], default=desired)
        group.want(most_wanted if most_wanted > desired else min(desired, max(tracked, default=desired)))

    def _loses(self, loss: ZoneLoss) -> Steps:
        yield self._env.timeout(loss.at_s)
        zone = self._zones.name(loss.zone)
        self._zones.lose(zone)
        self._record.events["zones lost"] += 1
        for part in (self._group, self._burst):
            if part is not None:
                part.lose_zone(zone)
        yield self._env.timeout(loss.for_s)
        self._zones.restore(zone)

    def _over(self) -> bool:
        if not self._all_sent or self._queue.outstanding or self._env.now < self._work.horizon_s:
            return False
        at_rest = self._group is None or self._group.at_rest
        return at_rest and (self._burst is None or self._burst.live == 0)

    def _outcome(self) -> Outcome:
        queue, record = self._queue, self._record
        first_s = self._work.sends[0].at_s
        # Counted, not reckoned: whatever is in none of these places is lost.
        left = queue.outstanding + self._work.images - queue.sent
        ended_s = queue.settled_s if left == 0 else self._env.now
        return Outcome(
            images=self._work.images,
            completed=queue.completed,
            dead=queue.dead,
            innocent=queue.innocent,
            expired=queue.expired,
            left=left,
            deliveries=queue.deliveries,
            repeated=record.events["images begun anew"],
            drained_s=max(0.0, ended_s - self._work.sends[-1].at_s),
            whole_s=max(0.0, ended_s - first_s),
            horizon_s=self._env.now,
            p50_wait_s=record.percentile_s(0.5),
            p95_wait_s=record.percentile_s(0.95),
            utilisation=record.busy_s / record.open_s if record.open_s else 0.0,
            peak_instances=self._group.peak if self._group else 0,
            peak_burst=self._burst.peak if self._burst else 0,
            record=record,
        )


def _check(fleet: Fleet, work: Work) -> None:
    """What can be asked of a simulation of this fleet."""
    problems = []
    if not work.sends or work.images < 1:
        problems.append("no image is queued")
    if any(send.images < 1 or send.at_s < 0 for send in work.sends):
        problems.append("a send needs at least one image and a time from 0")
    if [send.at_s for send in work.sends] != sorted(send.at_s for send in work.sends):
        problems.append("sends need to be in the order of their time")
    if problems:
        raise AuditError(Problem(where=f"work for {fleet.name}", why=why) for why in problems)
