"""Plots of a report: SVG on a card of their own, light or dark like the reader's system, the same bytes every time."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

_INK, _FAINT, _CARD = "#010203", "#040506", "#131415"
_COLOURS = {"hybrid": "#070809", "ec2": "#0a0b0c", "fargate": "#0d0e0f"}
_SHOWN = {
    _INK: ("--ink", "#1f2430", "#e6e9ef"),
    _FAINT: ("--faint", "#d5dae2", "#39414f"),
    _CARD: ("--card", "#ffffff", "#161a22"),
    _COLOURS["hybrid"]: ("--first", "#2563c9", "#6ea8fe"),
    _COLOURS["ec2"]: ("--second", "#1a8f5c", "#4cc38a"),
    _COLOURS["fargate"]: ("--third", "#c2571a", "#f0a35e"),
}
"""Colours put in for the drawing; the variable that replaces each in the SVG, its value in light and in dark."""
_MARKS = {"hybrid": "o", "ec2": "s", "fargate": "^"}


def draw(figures: dict[str, Any]) -> dict[str, str]:
    """SVG text by file name."""
    plots = {
        f"fleet-{name}.svg": _svg(_over_time(scenario), f"{scenario['title']}: backlog and workers over time")
        for name, scenario in figures["scenarios"].items()
    }
    plots["fleet-cost.svg"] = _svg(_cost(figures["scenarios"]), "Cost against drain time by strategy")
    return plots


def _over_time(scenario: dict[str, Any]) -> Figure:
    with rc_context({"font.size": 9.5, "axes.edgecolor": _FAINT}):
        figure = Figure(figsize=(7.6, 4.0), layout="constrained", facecolor=_CARD)
        backlog, workers = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    longest = max(found["curve"]["minutes"][-1] for found in scenario["fleets"].values())
    unit, divisor = ("days", 1440.0) if longest > 4320 else ("hours", 60.0) if longest > 300 else ("minutes", 1.0)
    for name, found in scenario["fleets"].items():
        curve = found["curve"]
        times = [minute / divisor for minute in curve["minutes"]]
        running = [a + b for a, b in zip(curve["on_instances"], curve["burst"], strict=True)]
        style = {"color": _COLOURS[name], "linewidth": 1.6}
        backlog.plot(times, curve["outstanding"], label=name, **style)
        workers.plot(times, running, drawstyle="steps-post", **style)
    for axes in (backlog, workers):
        _dress(axes)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_short))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    backlog.set_ylabel("images outstanding")
    workers.set_ylabel("workers running")
    workers.set_xlabel(unit)
    for text in backlog.legend(
        frameon=False, fontsize=9, ncols=3, loc="lower right", bbox_to_anchor=(1, 1)
    ).get_texts():
        text.set_color(_INK)
    return figure


def _cost(scenarios: dict[str, Any]) -> Figure:
    """One small panel a scenario: left is sooner, down is cheaper."""
    columns = 2
    rows = -(-len(scenarios) // columns)
    with rc_context({"font.size": 9.5, "axes.edgecolor": _FAINT}):
        figure = Figure(figsize=(7.6, 0.5 + 1.95 * rows), layout="constrained", facecolor=_CARD)
        panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(scenarios) :]:
        axes.set_visible(False)
    for axes, scenario in zip(panels, scenarios.values(), strict=False):
        _dress(axes)
        longest = max(found["drained_s"] for found in scenario["fleets"].values())
        unit, divisor = ("h", 3600.0) if longest >= 7200 else ("min", 60.0) if longest >= 120 else ("s", 1.0)
        for name, found in scenario["fleets"].items():
            axes.plot(
                found["drained_s"] / divisor, found["usd"], _MARKS[name], color=_COLOURS[name], markersize=8, label=name
            )
        dearest = max(found["usd"] for found in scenario["fleets"].values())
        axes.set_xlim(0, 1.15 * longest / divisor or 1)
        axes.set_ylim(0, 1.2 * dearest or 1)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"${value:,.10g}"))
        axes.set_title(scenario["title"], color=_INK, fontsize=9.5, loc="left")
        axes.set_xlabel(f"drained in, {unit}", fontsize=8.5)
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(_INK)
    return figure


def _dress(axes: Axes) -> None:
    axes.set_facecolor(_CARD)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(which="both", colors=_INK, length=0, labelsize=8.5)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(visible=True, color=_FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _short(value: float, _: int) -> str:
    """A large number in few characters."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _svg(figure: Figure, title: str) -> str:
    buffer = io.StringIO()
    # A fixed salt and no date: equal figures give equal bytes, so that the page's diff shows what changed.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", facecolor=_CARD, metadata={"Date": None, "Creator": None, "Title": title})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for drawn, (variable, _, _) in _SHOWN.items():
        svg = svg.replace(drawn, f"var({variable})")
    head, rest = svg.split(">", 1)
    head = head.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    light = "".join(f"{variable}:{value};" for variable, value, _ in _SHOWN.values())
    dark = "".join(f"{variable}:{value};" for variable, _, value in _SHOWN.values())
    style = f"<style>:root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>"
    return "\n".join(line.rstrip() for line in f"{head}>\n{style}{rest}".splitlines()) + "\n"
