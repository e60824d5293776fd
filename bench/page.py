"""Writes the evidence page: docs/parallelism.md from a template and the figures of a run, its plots and its data."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.machine import BUSY
from bench.part import Figures

PARTS = ("threads", "isolation", "race", "pixels", "scaling", "deadlock")
"""What the page shows, one part per question but the first, which takes two."""

PAGE, DATA, IMAGES = "parallelism.md", "parallelism.json", "images"
_TEMPLATES = Path(__file__).parent / "templates"


def is_complete(figures: Figures) -> bool:
    """Whether every part of the page is among these figures."""
    return all(part in figures["parts"] for part in PARTS)


def data_of(figures: Figures) -> Figures:
    """What the page needs of a run's figures."""
    return {
        "scale": figures["scale"],
        "machine": figures["machine"],
        "versions": figures["versions"],
        "busy_cores": max((figures["busy_cores"].get(part, 0.0) for part in PARTS), default=0.0),
        "parts": {part: figures["parts"][part] for part in PARTS},
    }


def render(data: Figures) -> str:
    """The page's Markdown."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown of our own numbers
    )
    environment.filters |= {"ms": _milliseconds, "share": _share, "big": _big, "mb": _megabytes}
    settings = {name: data[name] for name in ("machine", "versions", "scale", "busy_cores")}
    return environment.get_template(PAGE + ".j2").render(**settings, busy=BUSY, **data["parts"])


def write(figures: Figures, folder: Path) -> Path:
    """Writes page, data and plots below a folder; returns the page's path."""
    from bench.plots import draw  # noqa: PLC0415 - loading matplotlib takes half a second: only who draws pays for it

    data: Any = json.loads(json.dumps(data_of(figures)))
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, svg in draw(data["parts"]).items():
        (folder / IMAGES / name).write_text(svg, encoding="utf-8")
    (folder / PAGE).write_text(render(data), encoding="utf-8")
    return folder / PAGE


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _share(fraction: float) -> str:
    return f"{100 * fraction:.2f} %" if abs(fraction) < 0.1 else f"{100 * fraction:.0f} %"


def _big(number: int) -> str:
    return f"{number:,}"


def _megabytes(number_of_bytes: int) -> str:
    return f"{number_of_bytes / 1e6:.0f} MB"
