"""docs/evidence.md and its pictures, as the kept figures make them."""

from collections.abc import Mapping
from typing import Any

from audit.assembly import load_assembly
from audit.spof.times import Times, read_times
from audit.spof.words import span
from chaos import pages
from chaos.evidence.cases import Shown, all_cases
from local.synthesis import assembly_folder

PAGE, DATA = pages.DOCS / "evidence.md", pages.DOCS / "evidence.json"
IMAGES = pages.DOCS / "images"
ENVIRONMENT = "prod"
"""The environment whose templates stand beside what was measured."""


def template_times() -> Times:
    """What the templates say now; synthesized when they have changed."""
    return read_times(load_assembly(assembly_folder(ENVIRONMENT)))


def shown(figures: Mapping[str, Any]) -> list[Shown]:
    """Every table of the cases that have figures."""
    times = Times(**figures["templates"])
    cases = figures["cases"]
    return [table for each in all_cases() if each.name in cases for table in each.tables(cases[each.name], times)]


def made(figures: Mapping[str, Any], text: str) -> dict[str, str]:
    """The page and its pictures: content by the name below docs/.

    Args:
        figures: of all cases, with the templates' times.
        text: the page as it is; what stands outside its marked blocks is kept.
    """
    blocks = {table.block: pages.table(table.head, table.rows, right=table.right) for table in shown(figures)}
    blocks |= {"machine": _machine(figures), "times": _times(Times(**figures["templates"]))}
    pictures = {
        f"images/{name}": svg
        for each in all_cases()
        if each.name in figures["cases"]
        for name, svg in each.pictures(figures["cases"][each.name]).items()
    }
    return {PAGE.name: pages.fresh(text, blocks, by=pages.EVIDENCE), **pictures}


def write(figures: Mapping[str, Any]) -> list[str]:
    """Writes figures, page and pictures; their names below docs/."""
    pages.save(figures, DATA)
    files = made(figures, PAGE.read_text(encoding="utf-8"))
    for name, content in files.items():
        (pages.DOCS / name).write_text(content, encoding="utf-8")
    return [DATA.name, *files]


def broken(figures: Mapping[str, Any]) -> list[str]:
    """Promises that were not kept, one sentence each."""
    untried = [f"{name}: could not be tried: {why}" for name, why in figures.get("untried", {}).items()]
    return untried + [f"{name}: {what}" for name, found in figures["cases"].items() for what in found["broken"]]


def _machine(figures: Mapping[str, Any]) -> str:
    machine = figures["machine"]
    where = f"{machine['cores']} cores of an {machine['cpu']} with {machine['memory_gib']} GiB"
    busy = f" Other programs kept {figures['busy_cores']:.1f} of the cores busy." if figures["busy_cores"] > 0.3 else ""
    return f"Measured on {where}, platform and users together, in {figures['seconds'] / 60:.0f} minutes.{busy}"


def _times(times: Times) -> str:
    deployment = f"{times.web_minimum_percent} to {times.web_maximum_percent} % of the tasks"
    rows = [
        (
            "health check of the load balancer",
            f"every {times.check_every_s} s, answered within {times.check_within_s} s",
        ),
        ("out of rotation, in again", f"after {times.down_after} bad checks, after {times.up_after} good ones"),
        ("requests in hand when a task leaves in order", f"may take {times.deregistration_s} s more"),
        ("web tasks while a new release is deployed", deployment),
        ("a new web task is not judged for", f"{times.grace_s} s"),
        ("a worker that is told to stop has", f"{times.stop_timeout_s} s"),
        ("a message that was received is hidden for", f"{times.visibility_s} s, prolonged at each third"),
        ("it is received at most", f"{times.max_receives} times, then it is a dead letter"),
        ("it is kept for", f"{span(times.retention_s)}, a dead letter for {span(times.dead_letter_retention_s)}"),
        ("the sweeper mends what nobody else does", f"every {times.sweep.removeprefix('rate(').removesuffix(')')}"),
        ("a link lives for", f"{times.link_s} s at most"),
    ]
    return pages.table(("by the templates of prod", ""), rows)
