"""Runs every scenario on every fleet and puts the figures together, as plain values that JSON can hold."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.cost.prices import Price, PriceTable
from audit.fleet.assumptions import Assumptions
from audit.fleet.model import Fleet
from audit.fleet.price import price, process_hours_usd
from audit.fleet.recommend import recommend
from audit.fleet.scenarios import Scenario, put
from audit.fleet.service_times import ServiceTimes, Times
from audit.fleet.simulation import Outcome, Settings, simulate

AGGREGATED_ABOVE = 200_000
"""Images from which on processes take them in batches, while many wait."""
POINTS = 160
"""Of each curve that is kept."""
Figures = dict[str, Any]
Progress = Callable[[str, str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that a report depends on.

    Attributes:
        exact: simulate every image by itself, however many there are.
    """

    fleets: Sequence[Fleet]
    scenarios: Mapping[str, Scenario]
    times: ServiceTimes
    assumptions: Assumptions
    prices: PriceTable
    seed: int = 1
    exact: bool = False

    @property
    def concerned(self) -> list[Price]:
        """Prices that have a say in these fleets' costs."""
        types = {f"ec2.{fleet.instances.instance_type}" for fleet in self.fleets if fleet.instances}
        families = {fleet.burst.architecture for fleet in self.fleets if fleet.burst}
        others = {"ebs.gp3", "sqs.request", "s3.put", "s3.get", "lambda.request", "lambda.arm", "fargate.storage"}
        for architecture in families:
            family = "fargate.arm" if architecture == "ARM64" else "fargate"
            others |= {f"{family}.vcpu", f"{family}.memory"}
        return sorted((row for row in self.prices if row.key in types | others), key=lambda row: row.key)

    def digest(self) -> str:
        """Stands for all of it: another digest, another report."""
        told = [
            *(repr(fleet) for fleet in self.fleets),
            *(f"{name}={scenario!r}" for name, scenario in self.scenarios.items()),
            self.times.model_dump_json(),
            self.assumptions.model_dump_json(),
            *(f"{row.key}={row.usd}" for row in self.concerned),
            f"{self.seed} {self.exact}",
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def report(inputs: Inputs, progress: Progress = lambda *_: None) -> Figures:
    """Figures of all scenarios on all fleets, and what they recommend.

    Raises:
        AuditError: a scenario needs what there is not.
    """
    scenarios = {
        name: {
            "title": scenario.title,
            "why": scenario.why,
            "images": scenario.images,
            "hours": scenario.hours,
            "aggregated": is_aggregated(inputs, scenario),
            "fleets": {
                fleet.strategy.value: run_one(inputs, name, scenario, fleet, progress) for fleet in inputs.fleets
            },
        }
        for name, scenario in inputs.scenarios.items()
    }
    figures: Figures = {
        "environment": inputs.fleets[0].name,
        "region": inputs.prices.region,
        "own": inputs.fleets[0].strategy.value,
        "digest": inputs.digest(),
        "seed": inputs.seed,
        "fleets": {fleet.strategy.value: _described(fleet) for fleet in inputs.fleets},
        "break_even_busy": _break_even(inputs),
        "times": {
            "measured_on": inputs.times.measured_on,
            "machine": inputs.times.machine,
            "source": inputs.times.source,
            "recipe": inputs.times.recipe,
            "cameras": {
                name: {
                    "megapixels": camera.megapixels,
                    "original_mb": camera.original_mb,
                    "seconds": [
                        min(camera.seconds),
                        sorted(camera.seconds)[len(camera.seconds) // 2],
                        max(camera.seconds),
                    ],
                }
                for name, camera in inputs.times.cameras.items()
            },
        },
        "assumptions": {name: {"value": str(each), "why": each.why} for name, each in inputs.assumptions},
        "prices_unverified": [row.key for row in inputs.concerned if not row.verified],
        "scenarios": scenarios,
    }
    figures["recommendation"] = recommend(figures)
    written: Figures = json.loads(json.dumps(figures))
    return written


def is_aggregated(inputs: Inputs, scenario: Scenario) -> bool:
    """Whether a scenario is simulated in batches."""
    return not inputs.exact and scenario.images > AGGREGATED_ABOVE


def run_one(
    inputs: Inputs, name: str, scenario: Scenario, fleet: Fleet, progress: Progress = lambda *_: None
) -> Figures:
    """One scenario on one fleet."""
    mix = inputs.times.mix(dict(scenario.cameras), where=f"scenario {name!r}")
    assumptions = inputs.assumptions
    on_instances, on_fargate = (
        Times.drawn(mix, speed=speed, transfer_mb_per_s=assumptions.transfer_mb_per_s.likely, seed=inputs.seed)
        for speed in (assumptions.instance_speed.likely, assumptions.fargate_speed.likely)
    )
    setting = put(fleet, scenario)
    outcome = simulate(
        setting.fleet,
        scenario.work(inputs.seed),
        Settings(
            assumptions=assumptions,
            on_instances=on_instances,
            on_fargate=on_fargate,
            seed=inputs.seed,
            aggregated=is_aggregated(inputs, scenario),
            progress=lambda settled: progress(name, fleet.strategy.value, settled, scenario.images),
        ),
    )
    return _figures(setting.fleet, setting.changed, outcome, inputs.prices)


def _figures(fleet: Fleet, changed: str, outcome: Outcome, prices: PriceTable) -> Figures:
    cost = price(fleet, outcome, prices)
    return {
        "changed": changed,
        "completed": outcome.completed,
        "dead": outcome.dead,
        "innocent": outcome.innocent,
        "expired": outcome.expired,
        "left": outcome.left,
        "lost": outcome.lost,
        "repeated": outcome.repeated,
        "drained_s": round(outcome.drained_s, 1),
        "p50_wait_s": round(outcome.p50_wait_s, 1),
        "p95_wait_s": round(outcome.p95_wait_s, 1),
        "utilisation": round(outcome.utilisation, 4),
        "peak_instances": outcome.peak_instances,
        "peak_burst": outcome.peak_burst,
        "hours": round(outcome.horizon_s / 3600, 3),
        "usd": round(cost.total, 4),
        "usd_instances": round(cost.instances, 4),
        "usd_standing": round(cost.standing, 4),
        "usd_burst": round(cost.burst, 4),
        "usd_requests": round(cost.requests, 4),
        "usd_per_1000": round(cost.total / outcome.images * 1000, 4),
        "events": {name: count for name, count in sorted(outcome.record.events.items()) if count},
        "curve": _thinned(outcome.record.curve),
    }


def _thinned(curve: Sequence[tuple[float, int, int, int, int]]) -> Figures:
    """A curve with as many points as a plot shows: of each stretch its beginning and the most of everything in it."""
    step = max(1, len(curve) // POINTS)
    stretches = [curve[at : at + step] for at in range(0, len(curve), step)]
    kept = [(stretch[0][0], *(max(column) for column in list(zip(*stretch, strict=True))[1:])) for stretch in stretches]
    names = ("minutes", "outstanding", "on_instances", "burst", "instances")
    columns = list(zip(*kept, strict=True)) or [()] * len(names)
    figures: Figures = {name: list(column) for name, column in zip(names, columns, strict=True)}
    figures["minutes"] = [round(second / 60, 1) for second in figures["minutes"]]
    return figures


def _break_even(inputs: Inputs) -> float | None:
    """From which share of its time an instance has to be busy to be cheaper than Fargate for the same work."""
    hours = [process_hours_usd(fleet, inputs.prices) for fleet in inputs.fleets]
    on_instances = next((found for found, _ in hours if found is not None), None)
    on_fargate = next((found for _, found in hours if found is not None), None)
    if on_instances is None or on_fargate is None:
        return None
    assumptions = inputs.assumptions
    return round(on_instances / assumptions.instance_speed.likely / (on_fargate / assumptions.fargate_speed.likely), 4)


def _described(fleet: Fleet) -> Figures:
    instances, burst = fleet.instances, fleet.burst
    return {
        "origin": fleet.origin,
        "most_processes": fleet.most_processes,
        "instances": None
        if instances is None
        else {
            "type": instances.instance_type,
            "least": instances.least,
            "most": min(instances.most, instances.most_tasks),
            "processes": instances.task.processes,
            "spot_share": instances.spot_share,
        },
        "burst": None
        if burst is None
        else {"most": burst.most, "processes": burst.task.processes, "base_images": burst.base_images},
    }
