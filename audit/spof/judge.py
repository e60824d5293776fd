"""Kills every part, every zone and every component in the model, and says what stops."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.spof.model import Component, Function


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """One thing that dies, and what follows.

    Attributes:
        what: the part, zone or component.
        stops: functions that users lose until a person acts or the thing is back.
        because: components that are to blame.
    """

    what: str
    stops: frozenset[Function]
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The deaths of every kind."""

    parts: tuple[tuple[Component, Death], ...]
    zones: tuple[Death, ...]
    wholes: tuple[tuple[Component, Death], ...]

    @property
    def single_points(self) -> tuple[Death, ...]:
        """Parts and zones whose death alone stops something."""
        return tuple(death for death in (*(death for _, death in self.parts), *self.zones) if death.stops)


def judge(components: Sequence[Component], zones: Sequence[str]) -> Judgement:
    """Judge all deaths, one at a time."""
    return Judgement(
        parts=tuple((component, _part(component, components)) for component in components),
        zones=tuple(_zone(zone, components) for zone in zones),
        wholes=tuple(
            (component, Death(what=f"all of {component.name}", stops=component.serves)) for component in components
        ),
    )


def _part(component: Component, components: Sequence[Component]) -> Death:
    what = component.name if component.regional else f"one of {component.name}"
    if component.survives_part():
        return Death(what=what, stops=frozenset())
    stops = frozenset(function for function in component.serves if not _others(component, function, components))
    return Death(what=what, stops=stops, because=(component.name,) if stops else ())


def _zone(zone: str, components: Sequence[Component]) -> Death:
    dead = [component for component in components if not component.survives_zone(zone)]
    blamed = [
        component
        for component in dead
        if any(not _others(component, function, components, without=zone) for function in component.serves)
    ]
    stops = frozenset(function for component in blamed for function in component.serves)
    return Death(what=f"zone {zone}", stops=stops, because=tuple(component.name for component in blamed))


_ALTERNATIVES = (frozenset({"workers and their instances", "burst workers on Fargate"}),)
"""Components of which any one keeps a function going."""


def _others(component: Component, function: Function, components: Sequence[Component], without: str = "") -> bool:
    """Whether another component does the same work."""
    return any(
        other.name in group and other is not component and function in other.serves and other.zones - {without}
        for group in _ALTERNATIVES
        if component.name in group
        for other in components
    )
