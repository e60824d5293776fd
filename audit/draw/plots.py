"""Plots for pages: SVG files on a card of their own, light or dark like the reader's system."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, CARD = "#010203", "#040506", "#131415"
FIRST, SECOND, THIRD = "#070809", "#0a0b0c", "#0d0e0f"
_SHOWN = {
    INK: ("--ink", "#1f2430", "#e6e9ef"),
    FAINT: ("--faint", "#d5dae2", "#39414f"),
    CARD: ("--card", "#ffffff", "#161a22"),
    FIRST: ("--first", "#2563c9", "#6ea8fe"),
    SECOND: ("--second", "#1a8f5c", "#4cc38a"),
    THIRD: ("--third", "#c2571a", "#f0a35e"),
}
"""Colours put in for the drawing; the variable that replaces each in the SVG, its value in light and in dark."""


def figure_of(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """An empty figure in the colours that `svg` replaces."""
    with rc_context({"font.size": 9.5, "axes.edgecolor": FAINT}):
        figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor=CARD)
        axes = figure.subplots()
    dress(axes)
    return figure, axes


def dress(axes: Axes, **ticks: Any) -> None:
    """Axes in the colours that `svg` replaces, with a grid and no frame; `ticks` are options of their labels."""
    axes.set_facecolor(CARD)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(which="both", colors=INK, length=0, **ticks)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(visible=True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def legend(axes: Axes, **options: Any) -> None:
    """A legend in ink."""
    for text in axes.legend(frameon=False, fontsize=9, **options).get_texts():
        text.set_color(INK)


def svg(figure: Figure, title: str) -> str:
    """The figure as text; equal figures give equal bytes."""
    buffer = io.StringIO()
    # A fixed salt and no date: equal figures give equal bytes, so that the page's diff shows what changed.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", facecolor=CARD, metadata={"Date": None, "Creator": None, "Title": title})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for drawn, (variable, _, _) in _SHOWN.items():
        text = text.replace(drawn, f"var({variable})")
    head, rest = text.split(">", 1)
    head = head.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    light = "".join(f"{variable}:{value};" for variable, value, _ in _SHOWN.values())
    dark = "".join(f"{variable}:{value};" for variable, _, value in _SHOWN.values())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    return "\n".join(line.rstrip() for line in f"{head}>\n{style}{rest}".splitlines()) + "\n"
