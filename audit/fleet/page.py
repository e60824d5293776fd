"""docs/fleet.md: its tables, plots and figures, put between markers in a page that people write."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.errors import AuditError, Problem
from audit.fleet.recommend import minutes

PAGE, DATA, IMAGES, VALIDATION = "fleet.md", "fleet.json", "images", "fleet-validation.json"
_MADE = "<!-- made by make fleet-docs: {} -->"
_END = "<!-- end -->"
_PART = re.compile(r"(<!-- made by make fleet-docs: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write figures, plots and page below a folder.

    Raises:
        AuditError: the page is not there, or has a marker that nothing is made for.
    """
    from audit.fleet.plots import draw  # noqa: PLC0415 - loading matplotlib takes half a second: who draws pays for it

    page = render((folder / PAGE).read_text(encoding="utf-8") if (folder / PAGE).is_file() else None, figures, folder)
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(json.dumps(figures, separators=(",", ":")) + "\n", encoding="utf-8")
    for name, svg in draw(figures).items():
        (folder / IMAGES / name).write_text(svg, encoding="utf-8")
    (folder / PAGE).write_text(page, encoding="utf-8")


def render(page: str | None, figures: dict[str, Any], folder: Path) -> str:
    """The page with every marked part made anew.

    Raises:
        AuditError: there is no page, or a marker that nothing is made for.
    """
    if page is None:
        raise AuditError([Problem(where=str(folder / PAGE), why="is not there: its text is written by hand")])
    made = {
        "fleets": _fleets(figures),
        "results": _results(figures),
        "plots": _plots(figures),
        "recommendation": _recommendation(figures),
        "service-times": _service_times(figures),
        "assumptions": _assumptions(figures),
        "validation": _validation(folder),
    }
    unknown = sorted({name for _, name, _ in _PART.findall(page)} - made.keys())
    if unknown:
        known = ", ".join(made)
        raise AuditError(Problem(where=f"{PAGE}: {_MADE.format(name)}", why=f"is none of {known}") for name in unknown)
    return _PART.sub(lambda found: f"{found[1]}\n{made[found[2]]}\n\n{found[3]}", page)


def how_many(found: dict[str, Any]) -> str:
    """The most workers of a run."""
    parts = []
    if found["peak_instances"]:
        parts.append(f"{found['peak_instances']} EC2")
    if found["peak_burst"]:
        parts.append(f"{found['peak_burst']} Fargate")
    return " + ".join(parts) or "0"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, right: int = 0) -> str:
    """A table; the last `right` columns are numbers."""
    rule = ["---"] * (len(head) - right) + ["---:"] * right
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, tuple(rule), *rows))


def _fleets(figures: dict[str, Any]) -> str:
    rows = []
    for name, fleet in figures["fleets"].items():
        instances, burst = fleet["instances"], fleet["burst"]
        rows.append(
            (
                f"`{name}`",
                fleet["origin"],
                f"{instances['least']} to {instances['most']} {instances['type']}" if instances else "–",
                f"to {burst['most']}, above {burst['base_images']} images" if burst else "–",
                str(fleet["most_processes"]),
            )
        )
    return _table(("strategy", "what it is", "instances", "Fargate tasks", "images at a time"), rows, right=1)


def _results(figures: dict[str, Any]) -> str:
    rows = []
    for scenario in figures["scenarios"].values():
        for number, (name, found) in enumerate(scenario["fleets"].items()):
            rows.append(
                (
                    f"{scenario['title']}: {scenario['images']:,} images" if not number else "",
                    f"`{name}`",
                    minutes(found["drained_s"]) if not found["left"] else f"{found['left']:,} left",
                    minutes(found["p50_wait_s"]),
                    minutes(found["p95_wait_s"]),
                    f"{found['usd']:,.2f}",
                    f"{found['usd_per_1000']:.2f}",
                    f"{found['utilisation']:.0%}",
                    how_many(found),
                    f"{found['dead']:,}",
                    f"{found['lost']:,}",
                )
            )
    head = ("scenario", "strategy", "drained in", "wait p50", "p95", "USD", "per 1000", "busy", "most workers")
    return _table((*head, "dead letters", "lost"), rows, right=9)


def _plots(figures: dict[str, Any]) -> str:
    lines = [
        f"![Cost against drain time of every scenario, by strategy]({IMAGES}/fleet-cost.svg)",
    ]
    for name, scenario in figures["scenarios"].items():
        lines += [
            "",
            f"**{scenario['title']}** — {scenario['why']}.{_spot(scenario)}",
            "",
            f"![{scenario['title']}: backlog and workers over time]({IMAGES}/fleet-{name}.svg)",
        ]
    return "\n".join(lines)


def _spot(scenario: dict[str, Any]) -> str:
    changed = {found["changed"] for found in scenario["fleets"].values() if found["changed"]}
    return "".join(f" Simulated {each}." for each in sorted(changed))


def _recommendation(figures: dict[str, Any]) -> str:
    found = figures["recommendation"]
    if not found:
        return "None: it takes more than one strategy, and the scenarios of the month and of the rush."
    kept = "which the environment has" if found["strategy"] == found["own"] else f"in place of `{found['own']}`"
    lines = [f"**`{found['strategy']}`**, {kept}. The rule: {found['rule'][0].lower()}{found['rule'][1:]}", ""]
    return "\n".join([*lines, *(f"- {reason}" for reason in found["reasons"])])


def _service_times(figures: dict[str, Any]) -> str:
    times = figures["times"]
    rows = [
        (
            name,
            f"{camera['megapixels']:g}",
            f"{camera['original_mb']:g}",
            *(f"{seconds:.2f}" for seconds in camera["seconds"]),
        )
        for name, camera in times["cameras"].items()
    ]
    return "\n".join(
        [
            f"Measured on {times['measured_on']} on {times['machine']}, recipe `{times['recipe']}`.",
            "",
            _table(("original", "megapixels", "MB", "least, s", "median, s", "most, s"), rows, right=5),
        ]
    )


def _assumptions(figures: dict[str, Any]) -> str:
    rows = [(f"`{name}`", each["value"], each["why"]) for name, each in figures["assumptions"].items()]
    return _table(("name", "value, or low – likely – high", "why"), rows)


def _validation(folder: Path) -> str:
    path = folder / VALIDATION
    if not path.is_file():
        return "Not measured yet: `make fleet-validate`."
    measured = json.loads(path.read_text(encoding="utf-8"))
    machine = measured["machine"]
    rows = [
        (
            str(number),
            f"{each['predicted_s']:.1f} s",
            f"{each['real_s']:.1f} s",
            f"{each['error']:+.1%}",
            f"{each['load'] - 1:+.1%}",
            f"{each['at_equal_load']:+.1%}",
        )
        for number, each in enumerate(measured["rounds"], 1)
    ]
    images = measured["images"]
    return "\n".join(
        [
            f"Measured on {measured['measured_on']}, {machine['cpu']}, {machine['cores']} cores: {images['main']} "
            f"images through a worker of {measured['processes']} processes, predicted from {images['calibration']} "
            "others before and as many after.",
            "",
            _table(("round", "predicted", "real", "error", "load changed by", "error at equal load"), rows, right=6),
            "",
            f"**Median error {measured['median_error']:+.1%}**, at equal load "
            f"{measured['median_error_at_equal_load']:+.1%}; ±{measured['allowed']:.0%} is allowed.",
        ]
    )
