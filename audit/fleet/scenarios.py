"""Scenarios out of a TOML file, and the work that each is for the simulation."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from audit.errors import AuditError, Problem
from audit.fleet.documents import Strict, checked, read_toml
from audit.fleet.model import Fleet
from audit.fleet.simulation import Poison, PoisonKind, Send, SpotReclaims, Work, ZoneLoss

SCENARIOS = Path(__file__).with_name("scenarios.toml")
MOST_IMAGES = 100_000_000
_HOUR_S = 3600.0
Share = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[float, Field(ge=0, le=24 * 366)]


class Arrival(Strict):
    """Images that come at an hour, or evenly by chance over some hours; and again after so many, so many times."""

    images: int = Field(ge=1, le=MOST_IMAGES)
    at_h: Hours = 0.0
    over_h: Hours = 0.0
    every_h: Hours = 0.0
    times: int = Field(default=1, ge=1, le=10_000)

    @model_validator(mode="after")
    def _apart(self) -> "Arrival":
        if self.times > 1 and self.every_h <= 0:
            raise ValueError("times needs every_h above 0")
        return self


class PoisonShares(Strict):
    """Images that cannot be developed: their share of all, and of them the shares that crash, hang and kill."""

    share: Share
    crash: Share = 0.0
    hang: Share = 0.0
    kill: Share = 0.0

    @model_validator(mode="after")
    def _whole(self) -> "PoisonShares":
        if abs(self.crash + self.hang + self.kill - 1) > 1e-6:
            raise ValueError("crash, hang and kill add up to 1")
        return self


class Loss(Strict):
    """A zone, by its place among the fleet's, is away from an hour on for so many hours."""

    at_h: Hours
    hours: Hours
    zone: int = Field(default=0, ge=0)


class Spot(Strict):
    """How often EC2 takes a Spot instance back, per instance and hour.

    Attributes:
        share_when_none: a fleet that has no Spot instances is simulated as if it had this share of them.
    """

    reclaims_per_hour: Annotated[float, Field(gt=0, le=60)]
    share_when_none: Share = 0.0


class Scenario(Strict):
    """What a fleet is put through."""

    title: str = Field(min_length=1)
    why: str = Field(min_length=1)
    arrivals: tuple[Arrival, ...] = Field(min_length=1)
    hours: Hours = 0.0
    cameras: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    poison: PoisonShares | None = None
    zone_loss: tuple[Loss, ...] = ()
    spot: Spot | None = None

    @property
    def images(self) -> int:
        """All that come."""
        return sum(arrival.images * arrival.times for arrival in self.arrivals)

    @model_validator(mode="after")
    def _feasible(self) -> "Scenario":
        if self.images > MOST_IMAGES:
            raise ValueError(f"{self.images} images: at most {MOST_IMAGES} are simulated")
        return self

    def work(self, seed: int) -> Work:
        """What the simulation runs. The same seed gives the same arrivals."""
        poison = self.poison
        kinds = {PoisonKind.CRASH: "crash", PoisonKind.HANG: "hang", PoisonKind.KILL: "kill"}
        return Work(
            sends=sorted(self._sends(np.random.default_rng(seed)), key=lambda send: send.at_s),
            horizon_s=self.hours * _HOUR_S,
            poison=None
            if poison is None
            else Poison(share=poison.share, kinds=[(kind, getattr(poison, name)) for kind, name in kinds.items()]),
            zone_losses=[
                ZoneLoss(at_s=loss.at_h * _HOUR_S, for_s=loss.hours * _HOUR_S, zone=loss.zone)
                for loss in self.zone_loss
            ],
            spot=SpotReclaims(per_hour=self.spot.reclaims_per_hour) if self.spot else None,
        )

    def _sends(self, chance: np.random.Generator) -> Iterator[Send]:
        for arrival in self.arrivals:
            for number in range(arrival.times):
                begins_s = (arrival.at_h + number * arrival.every_h) * _HOUR_S
                seconds = max(1, round(arrival.over_h * _HOUR_S)) if arrival.over_h else 0
                if not seconds:
                    yield Send(at_s=begins_s, images=arrival.images)
                    continue
                # Arrivals by chance are a Poisson process; by the second is finer than anything that reacts to them.
                counts = chance.multinomial(arrival.images, np.full(seconds, 1 / seconds))
                for second in np.flatnonzero(counts):
                    yield Send(at_s=begins_s + float(second), images=int(counts[second]))


def read_scenarios(path: Path = SCENARIOS, *, only: list[str] | None = None) -> dict[str, Scenario]:
    """Scenarios by name.

    Raises:
        AuditError: the file is not what it should be, or has none of that name.
    """
    written = read_toml(path)
    if not written:
        raise AuditError([Problem(where=str(path), why="holds no scenario")])
    scenarios = {name: checked(Scenario, value, f"{path}: {name}") for name, value in written.items()}
    unknown = sorted(set(only or ()) - scenarios.keys())
    if unknown:
        raise AuditError(
            Problem(where=f"scenario {name!r}", why=f"is none of {', '.join(scenarios)}") for name in unknown
        )
    return {name: scenario for name, scenario in scenarios.items() if not only or name in only}


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A fleet as a scenario needs it, and what was changed for that, in words."""

    fleet: Fleet
    changed: str


def put(fleet: Fleet, scenario: Scenario) -> Put:
    """The fleet with the Spot instances that the scenario is about."""
    instances = fleet.instances
    if scenario.spot is None or instances is None:
        return Put(fleet=fleet, changed="")
    if instances.spot_share > 0 or scenario.spot.share_when_none == 0:
        return Put(fleet=fleet, changed="")
    share = scenario.spot.share_when_none
    spotted = replace(instances, spot_share=share, on_demand_base=instances.least)
    return Put(
        fleet=replace(fleet, instances=spotted),
        changed=f"as if {share:.0%} of instances above the first {instances.least} were Spot; the templates have none",
    )
