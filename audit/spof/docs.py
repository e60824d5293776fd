"""Brings docs/availability.md up to date with the templates. `python -m audit.spof.docs ASSEMBLIES`."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from audit.assembly import load_assembly
from audit.cost.page import table
from audit.errors import AuditError
from audit.reach.load import read_network
from audit.spof.judge import Death, Judgement, judge
from audit.spof.model import Component, Function
from audit.spof.plot import draw
from audit.spof.read import read_components
from audit.spof.words import within

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, PICTURE = "availability.md", "images/availability.svg"
ENVIRONMENTS = ("dev", "staging", "prod")
SERVER = "one server"
ENDPOINTS = "interface endpoints"
SERVER_FOLDER = Path(__file__).with_name("single_server")

_PATH = (
    "server",
    "Route 53",
    "load balancer",
    "web tasks and their instances",
    "session store",
    "database",
    "SQS",
    "workers and their instances",
    "burst workers on Fargate",
    "S3",
    "NAT gateways",
    ENDPOINTS,
    "KMS",
    "Secrets Manager",
)
"""Components in the order in which a request and an image meet them; others follow as they are read."""

_ON_THE_SERVER = frozenset(
    {
        "load balancer",
        "web tasks and their instances",
        "session store",
        "database",
        "SQS",
        "workers and their instances",
        "burst workers on Fargate",
    }
)
"""What the one server does itself: it is what "one server with everything on it" means."""

_BLOCK = re.compile(r"(<!-- made by make availability-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Size:
    """One way to run the platform, judged.

    Attributes:
        name: of the environment, or the one server.
        judgement: what every death stops.
    """

    name: str
    judgement: Judgement

    @property
    def components(self) -> dict[str, Component]:
        """By name."""
        return {component.name: component for component, _ in self.judgement.parts}

    def death_of(self, name: str) -> Death | None:
        """What follows when one part of a component dies; None where there is no such component."""
        return next((death for component, death in self.judgement.parts if component.name == name), None)


def sizes(assemblies: Path) -> list[Size]:
    """The one server, then every environment."""
    folders = {SERVER: SERVER_FOLDER, **{name: assemblies / name for name in ENVIRONMENTS}}
    return [Size(name=name, judgement=_judged(folder)) for name, folder in folders.items()]


def fresh(assemblies: Path, text: str) -> dict[str, str]:
    """The files of docs/ as they should be: name and content.

    Args:
        assemblies: folder with the cloud assembly of every environment.
        text: the page as it is; what stands outside its marked blocks is kept.
    """
    found = sizes(assemblies)
    blocks = {"counts": _counts(found), "points": _points(found), "zones": _zones(found), "deaths": _deaths(found)}
    page = _BLOCK.sub(lambda block: f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}", text)
    picture = draw({size.name: size.judgement for size in found}, _names(found), _ON_THE_SERVER)
    return {PICTURE: picture, PAGE: page}


def _judged(folder: Path) -> Judgement:
    assembly = load_assembly(folder)
    network = read_network(assembly)
    return judge(_endpoints_as_one(read_components(assembly, network)), network.zones)


def _endpoints_as_one(components: Iterable[Component]) -> list[Component]:
    """Endpoints that tasks use, of which there is one for each service, as the one with the fewest parts."""
    endpoints: list[Component] = []
    others: list[Component] = []
    for each in components:
        (endpoints if each.name.startswith("endpoint ") and each.serves else others).append(each)
    least = sorted(endpoints, key=lambda each: len(each.parts))[:1]
    return [*others, *(replace(each, name=ENDPOINTS) for each in least)]


def _names(found: Iterable[Size]) -> list[str]:
    """Names of all components that users would miss, along the path."""
    serving = {name for size in found for name, component in size.components.items() if component.serves}
    return sorted(serving, key=lambda name: (_PATH.index(name) if name in _PATH else len(_PATH), name))


def _counts(found: Sequence[Size]) -> str:
    rows = [(name, *(_count(size, name) for size in found)) for name in _names(found)]
    points = ("**single points of failure**", *(f"**{len(size.judgement.single_points)}**" for size in found))
    return table(("", *(_code(size.name) for size in found)), [*rows, points])


def _count(size: Size, name: str) -> str:
    component, death = size.components.get(name), size.death_of(name)
    if component is None:
        return "on the server" if size.name == SERVER and name in _ON_THE_SERVER else "–"
    if component.regional:
        return "regional"
    parts, zones = len(component.parts), len(component.zones)
    text = f"{parts} in {zones} zone{'s' if zones > 1 else ''}"
    return f"**{text}**" if death is not None and death.stops else text


def _points(found: Sequence[Size]) -> str:
    rows: list[tuple[str, ...]] = []
    for size in found:
        points = size.judgement.single_points
        for death in points:
            component = size.components.get(death.what.removeprefix("one of "))
            back = (
                (component.recovery, within(component)) if component else (f"with it: {', '.join(death.because)}", "")
            )
            rows.append((_code(size.name), death.what, _functions(death.stops), *back))
        if not points:
            rows.append((_code(size.name), "nothing", "nothing", "", ""))
    return table(("", "dies alone", "stops", "comes back", "within"), rows)


def _zones(found: Sequence[Size]) -> str:
    rows = [
        (_code(size.name), death.what.removeprefix("zone "), _functions(death.stops), ", ".join(death.because))
        for size in found
        for death in size.judgement.zones
    ]
    return table(("", "zone lost", "stops", "because of"), rows)


def _deaths(found: Sequence[Size]) -> str:
    """One row for every way in which the death of a part shows, with the sizes in which it does."""
    regional = [name for name in _names(found) if all(each.regional for each in _everywhere(found, name))]
    rows = [row for name in _names(found) if name not in regional for row in _ways_to_die(found, name)]
    if regional:
        *_, seen, recovery, told = next(_ways_to_die(found, regional[0]))
        rows.append((", ".join(regional), "wherever they are", seen, recovery, told))
    return table(("one of it dies", "in", "users see", "comes back", "within"), rows)


def _everywhere(found: Iterable[Size], name: str) -> Iterator[Component]:
    """A component in every size that has it."""
    return (size.components[name] for size in found if name in size.components)


def _ways_to_die(found: Sequence[Size], name: str) -> Iterator[tuple[str, ...]]:
    told: dict[tuple[str, str, str], list[str]] = {}
    for size in found:
        component = size.components.get(name)
        if component is not None:
            told.setdefault((_seen(size, component), component.recovery, within(component)), []).append(size.name)
    for (seen, recovery, within_), names in told.items():
        yield (name, ", ".join(map(_code, names)), seen, recovery, within_)


def _seen(size: Size, component: Component) -> str:
    """What users see when one part dies: of the last one, what they see when there is none."""
    alone = len(component.parts) == 1 and not component.regional
    death = size.death_of(component.name)
    return component.users_see_none if alone and death is not None and death.stops else component.users_see


def _functions(stops: Iterable[Function]) -> str:
    names = [function.value for function in Function if function in set(stops)]
    return "everything" if len(names) == len(Function) else ", ".join(names) or "nothing"


def _code(name: str) -> str:
    return name if name == SERVER else f"`{name}`"


def main(arguments: Sequence[str]) -> int:
    """Write page and picture."""
    try:
        made: Mapping[str, str] = fresh(Path(arguments[0]), (DOCS / PAGE).read_text(encoding="utf-8"))
    except AuditError as error:
        print(error, file=sys.stderr)
        return 2
    for name, content in made.items():
        (DOCS / name).write_text(content, encoding="utf-8")
        print(f"docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
